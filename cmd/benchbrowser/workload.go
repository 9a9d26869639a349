package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"nextquill/core/causal"
	"nextquill/core/weights"
)

// workload is a small Llama model and a batch of random tokens, the same for all implementations.
// web/benchbrowser/rival.ts reads its JSON.
type workload struct {
	Vocab        int     `json:"vocab"`
	Hidden       int     `json:"hidden"`
	Intermediate int     `json:"intermediate"`
	Layers       int     `json:"layers"`
	Heads        int     `json:"heads"`
	HeadDim      int     `json:"headDim"`
	Eps          float64 `json:"eps"`
	Theta        float64 `json:"theta"`
	LR           float64 `json:"lr"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	AdamEps      float64 `json:"adamEps"`
	// Inputs and Targets have the shape [sequences][length]. The targets are the inputs, shifted by
	// one token.
	Inputs  [][]int32 `json:"inputs"`
	Targets [][]int32 `json:"targets"`

	tensors []weights.Tensor
}

const (
	sequences = 8
	length    = 64
)

// newWorkload returns the workload, the same each time. The constants of the optimizer are those of
// train.DefaultAdamW, without weight decay. Only ours clips gradients, at norm 1, which they do not
// reach.
func newWorkload() *workload {
	w := &workload{
		Vocab: 256, Hidden: 64, Intermediate: 256, Layers: 2, Heads: 4, HeadDim: 16, Eps: 1e-5, Theta: 1e4,
		LR: 1e-3, Beta1: .9, Beta2: .999, AdamEps: 1e-8,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	normal := func(name string, rows, columns int) {
		t := weights.Tensor{Name: name + ".weight", Shape: []int{rows, columns}, Data: make([]float32, rows*columns)}
		for i := range t.Data {
			t.Data[i] = float32(.02 * rng.NormFloat64())
		}
		w.tensors = append(w.tensors, t)
	}
	gain := func(name string) {
		t := weights.Tensor{Name: name + ".weight", Shape: []int{w.Hidden}, Data: make([]float32, w.Hidden)}
		for i := range t.Data {
			t.Data[i] = 1
		}
		w.tensors = append(w.tensors, t)
	}
	normal("model.embed_tokens", w.Vocab, w.Hidden)
	for i := range w.Layers {
		path := fmt.Sprintf("model.layers.%d.", i)
		gain(path + "input_layernorm")
		for _, part := range []string{"q", "k", "v", "o"} {
			normal(path+"self_attn."+part+"_proj", w.Hidden, w.Hidden)
		}
		gain(path + "post_attention_layernorm")
		normal(path+"mlp.gate_proj", w.Intermediate, w.Hidden)
		normal(path+"mlp.up_proj", w.Intermediate, w.Hidden)
		normal(path+"mlp.down_proj", w.Hidden, w.Intermediate)
	}
	gain("model.norm")
	normal("lm_head", w.Vocab, w.Hidden)
	for range sequences {
		ids := make([]int32, length+1)
		for i := range ids {
			ids[i] = int32(rng.IntN(w.Vocab))
		}
		w.Inputs = append(w.Inputs, ids[:length])
		w.Targets = append(w.Targets, ids[1:])
	}
	return w
}

// flops returns the operations that one step requires: for each token and each weight of a matrix
// product one multiply-add forward and two backward, and causal attention. It does not count values
// that an implementation computes twice or masks.
func (w *workload) flops() float64 {
	tokens := float64(sequences * length)
	products := float64(w.Layers*(4*w.Hidden*w.Heads*w.HeadDim+3*w.Hidden*w.Intermediate) + w.Vocab*w.Hidden)
	pairs := float64(sequences * length * (length + 1) / 2)
	attention := 4 * pairs * float64(w.Layers*w.Heads*w.HeadDim)
	return 3 * (2*tokens*products + attention)
}

// write stores the workload in dir, in our format and in that of the other implementations.
func (w *workload) write(dir string) error {
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu",
		"torch_dtype": "float32", "vocab_size": w.Vocab, "hidden_size": w.Hidden,
		"intermediate_size": w.Intermediate, "num_hidden_layers": w.Layers,
		"num_attention_heads": w.Heads, "num_key_value_heads": w.Heads, "head_dim": w.HeadDim,
		"max_position_embeddings": length, "rms_norm_eps": w.Eps, "rope_theta": w.Theta,
		"tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1,
	}
	var samples []causal.Sample
	for i, in := range w.Inputs {
		samples = append(samples, causal.Sample{With: in[:1], Without: in[:1], Response: w.Targets[i]})
	}
	type tensor struct {
		Name   string `json:"name"`
		Shape  []int  `json:"shape"`
		Offset int    `json:"offset"`
	}
	var index []tensor
	var values bytes.Buffer
	for _, t := range w.tensors {
		index = append(index, tensor{t.Name, t.Shape, values.Len()})
		if err := binary.Write(&values, binary.LittleEndian, t.Data); err != nil {
			return err
		}
	}
	for name, content := range map[string]any{
		"model/config.json":       config,
		"model/model.safetensors": weights.Encode(w.tensors, nil),
		"batch.json":              map[string]any{"samples": samples},
		"workload.json":           map[string]any{"model": w, "tensors": index},
		"weights.bin":             values.Bytes(),
	} {
		raw, ok := content.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(content); err != nil {
				return err
			}
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}
