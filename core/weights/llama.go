package weights

import (
	"fmt"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// TensorShape is a tensor a model must have.
type TensorShape struct {
	Name  string
	Shape []int
}

// Names of the tensors outside the layers.
const (
	EmbedName = "model.embed_tokens.weight"
	NormName  = "model.norm.weight"
	HeadName  = "lm_head.weight"
)

// LayerPath is the module path of a part of layer i, such as "model.layers.0.self_attn.q_proj".
func LayerPath(i int, part string) string { return fmt.Sprintf("model.layers.%d.%s", i, part) }

// LinearParts are the linear layers of a block, the targets of LoRA, in forward order.
var LinearParts = []string{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}

// LinearShape gives a block's linear layer as PyTorch stores it: weight [out, in]. ok is false for a part that is none.
func (c Config) LinearShape(part string) (out, in int, ok bool) {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	switch part {
	case "self_attn.q_proj":
		return q, c.HiddenSize, true
	case "self_attn.k_proj", "self_attn.v_proj":
		return kv, c.HiddenSize, true
	case "self_attn.o_proj":
		return c.HiddenSize, q, true
	case "mlp.gate_proj", "mlp.up_proj":
		return c.IntermediateSize, c.HiddenSize, true
	case "mlp.down_proj":
		return c.HiddenSize, c.IntermediateSize, true
	}
	return 0, 0, false
}

// LinearBias tells whether a block's linear layer has a bias [out].
func (c Config) LinearBias(part string) bool {
	switch part {
	case "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj":
		return c.QKVBias
	case "self_attn.o_proj":
		return c.OutputBias
	}
	return false
}

// LlamaTensors lists every tensor a model of this config has, in forward order: Llama's names, which Mistral and Qwen share.
func LlamaTensors(c Config) []TensorShape {
	out := []TensorShape{{EmbedName, []int{c.VocabSize, c.HiddenSize}}}
	for i := range c.Layers {
		add := func(part string, shape ...int) {
			out = append(out, TensorShape{LayerPath(i, part) + ".weight", shape})
		}
		linear := func(parts ...string) {
			for _, p := range parts {
				o, in, _ := c.LinearShape(p)
				add(p, o, in)
				if c.LinearBias(p) {
					out = append(out, TensorShape{LayerPath(i, p) + ".bias", []int{o}})
				}
			}
		}
		add("input_layernorm", c.HiddenSize)
		linear(LinearParts[:4]...)
		if c.QKNorm {
			add("self_attn.q_norm", c.HeadDim)
			add("self_attn.k_norm", c.HeadDim)
		}
		add("post_attention_layernorm", c.HiddenSize)
		linear(LinearParts[4:]...)
	}
	out = append(out, TensorShape{NormName, []int{c.HiddenSize}})
	if !c.TieEmbeddings {
		out = append(out, TensorShape{HeadName, []int{c.VocabSize, c.HiddenSize}})
	}
	return out
}

// CheckLlama checks that a file holds exactly the tensors the config promises, in shapes and types we can load. Tensors that
// carry nothing of the model (rotary tables of old checkpoints, a head beside tied embeddings) are tolerated.
func CheckLlama(c Config, f *File) error {
	const remedy = "fetch config.json and the weights from the same place"
	expected := map[string]bool{}
	for _, want := range LlamaTensors(c) {
		expected[want.Name] = true
		got, ok := f.Tensor(want.Name)
		if !ok {
			return fault.New(fault.Missing, f.Name(), "tensor "+fault.Quote(want.Name), "is not there; config.json needs it as %v", want.Shape).
				WithRemedy(remedy)
		}
		if !slices.Equal(got.Shape, want.Shape) {
			return fault.New(fault.Mismatch, got.Blob, got.Field(), "has shape %v, config.json needs %v", got.Shape, want.Shape).
				WithRemedy(remedy)
		}
		if !got.DType.IsFloat() {
			return fault.New(fault.Unsupported, got.Blob, got.Field(), "has the element type %s", got.DType).
				WithRemedy("convert the model to F32, F16 or BF16")
		}
	}
	for _, t := range f.Tensors() {
		if !expected[t.Name] && !strings.HasSuffix(t.Name, ".rotary_emb.inv_freq") && t.Name != HeadName {
			return fault.New(fault.Mismatch, t.Blob, t.Field(), "has no place in the model that config.json describes").
				WithRemedy(remedy)
		}
	}
	return nil
}
