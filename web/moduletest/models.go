package moduletest

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"testing/fstest"

	"nextquill/core/weights"
)

// TinyModel returns a small Llama with random weights for a tokenizer with the given vocabulary. It
// trains in a second, and its results are as exact as those of a large model. The same seed gives
// the same model.
func TinyModel(tokenizer fs.FS, vocab int, seed uint64) (fs.FS, error) {
	return llama(tokenizer, vocab, 32, seed)
}

// LargeModel is TinyModel with about ten megabytes of weights.
func LargeModel(tokenizer fs.FS, vocab int, seed uint64) (fs.FS, error) {
	return llama(tokenizer, vocab, 512, seed)
}

func llama(tokenizer fs.FS, vocab, hidden int, seed uint64) (fs.FS, error) {
	const middle, layers, positions = 32, 2, 160
	heads := max(2, hidden/64)
	config, err := json.Marshal(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_act": "silu",
		"bos_token_id": 0, "eos_token_id": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000, "tie_word_embeddings": true,
		"hidden_size": hidden, "intermediate_size": middle, "num_attention_heads": heads, "num_key_value_heads": heads,
		"num_hidden_layers": layers, "max_position_embeddings": positions, "vocab_size": vocab,
	})
	if err != nil {
		return nil, err
	}
	tok, err := fs.ReadFile(tokenizer, "tokenizer.json")
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var tensors []weights.Tensor
	add := func(name string, value func() float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(value())
		}
		tensors = append(tensors, weights.Tensor{Name: name, Shape: shape, Data: data})
	}
	normal := func() float64 { return .1 * random.NormFloat64() }
	one := func() float64 { return 1 }
	add("model.embed_tokens.weight", normal, vocab, hidden)
	add("model.norm.weight", one, hidden)
	for i := range layers {
		layer := "model.layers." + strconv.Itoa(i) + "."
		add(layer+"input_layernorm.weight", one, hidden)
		add(layer+"post_attention_layernorm.weight", one, hidden)
		add(layer+"self_attn.q_proj.weight", normal, hidden, hidden)
		add(layer+"self_attn.k_proj.weight", normal, hidden, hidden)
		add(layer+"self_attn.v_proj.weight", normal, hidden, hidden)
		add(layer+"self_attn.o_proj.weight", normal, hidden, hidden)
		add(layer+"mlp.gate_proj.weight", normal, middle, hidden)
		add(layer+"mlp.up_proj.weight", normal, middle, hidden)
		add(layer+"mlp.down_proj.weight", normal, hidden, middle)
	}
	return fstest.MapFS{
		"config.json": {Data: config}, "tokenizer.json": {Data: tok},
		"model.safetensors": {Data: weights.Encode(tensors, map[string]string{"format": "pt"})},
	}, nil
}
