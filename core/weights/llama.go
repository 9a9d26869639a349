package weights

import (
	"fmt"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// TensorShape is the name and shape of a tensor that a model must have.
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

// LayerPath returns the module path of a part of layer i, such as
// "model.layers.0.self_attn.q_proj".
func LayerPath(i int, part string) string { return fmt.Sprintf("model.layers.%d.%s", i, part) }

// LinearParts are the linear layers of a block in forward order. LoRA adapts these.
var LinearParts = []string{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}

// LinearShape returns the shape [out, in] of a block's linear layer, as PyTorch stores its weight.
// ok is false for other parts.
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

// LinearBias reports whether a block's linear layer has a bias [out].
func (c Config) LinearBias(part string) bool {
	switch part {
	case "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj":
		return c.QKVBias
	case "self_attn.o_proj":
		return c.OutputBias
	}
	return false
}

// LlamaTensors lists every tensor of a model with this config in forward order. Mistral and Qwen
// use Llama's names.
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

// CheckLlama checks that a file has exactly the tensors that the config requires, with supported
// shapes and types. It accepts redundant tensors: rotary tables of old checkpoints, and a head that
// equals the tied embeddings.
func CheckLlama(c Config, f *File) error {
	const remedy = "download config.json and the weights from the same source"
	expected := map[string]bool{}
	for _, want := range LlamaTensors(c) {
		expected[want.Name] = true
		got, ok := f.Tensor(want.Name)
		if !ok {
			return fault.New(fault.Missing, f.Name(), "tensor "+fault.Quote(want.Name),
				"is missing; config.json requires it with shape %v", want.Shape).WithRemedy(remedy)
		}
		if !slices.Equal(got.Shape, want.Shape) {
			return fault.New(fault.Mismatch, got.Blob, got.Field(), "has shape %v, but config.json requires %v",
				got.Shape, want.Shape).WithRemedy(remedy)
		}
		if !got.DType.IsFloat() {
			return fault.New(fault.Unsupported, got.Blob, got.Field(), "has the element type %s", got.DType).
				WithRemedy("convert the model to F32, F16 or BF16")
		}
	}
	for _, t := range f.Tensors() {
		if !expected[t.Name] && !strings.HasSuffix(t.Name, ".rotary_emb.inv_freq") && t.Name != HeadName {
			return fault.New(fault.Mismatch, t.Blob, t.Field(), "is not part of the model that config.json describes").
				WithRemedy(remedy)
		}
	}
	return nil
}
