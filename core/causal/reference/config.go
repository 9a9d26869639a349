package reference

import (
	"fmt"

	"nextquill/core/fault"
)

// Config holds the fields of an HF Llama config.json that the arithmetic depends on.
type Config struct {
	VocabSize    int     `json:"vocab_size"`
	Hidden       int     `json:"hidden_size"`
	Intermediate int     `json:"intermediate_size"`
	Layers       int     `json:"num_hidden_layers"`
	Heads        int     `json:"num_attention_heads"`
	KVHeads      int     `json:"num_key_value_heads"`
	HeadDim      int     `json:"head_dim"` // 0: hidden_size / num_attention_heads
	NormEps      float64 `json:"rms_norm_eps"`
	Tied         bool    `json:"tie_word_embeddings"` // the head is the embedding table
	// The base of the rotary frequencies: transformers writes the first until version 4, the second from version 5.
	RopeTheta      float64 `json:"rope_theta"`
	RopeParameters struct {
		Theta float64 `json:"rope_theta"`
	} `json:"rope_parameters"`
}

func (c Config) headDim() int {
	if c.HeadDim > 0 {
		return c.HeadDim
	}
	return c.Hidden / c.Heads
}

func (c Config) theta() float64 {
	if c.RopeParameters.Theta > 0 {
		return c.RopeParameters.Theta
	}
	return c.RopeTheta
}

func (c Config) check() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"vocab_size", c.VocabSize}, {"hidden_size", c.Hidden}, {"intermediate_size", c.Intermediate},
		{"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads}, {"num_key_value_heads", c.KVHeads},
	} {
		if f.value <= 0 {
			return fault.New(fault.OutOfRange, "config", f.name, "%d", f.value).WithLimit("at least 1")
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fault.New(fault.Mismatch, "config", "num_key_value_heads", "%d does not divide the %d heads", c.KVHeads, c.Heads)
	}
	if d := c.headDim(); d <= 0 || d%2 != 0 {
		return fault.New(fault.OutOfRange, "config", "head_dim", "%d", d).WithLimit("an even number: rotary positions turn pairs")
	}
	if c.theta() <= 0 {
		return fault.New(fault.Missing, "config", "rope_theta", "neither it nor rope_parameters.rope_theta is there")
	}
	return nil
}

// The names of a checkpoint's tensors that lie outside the layers.
const (
	embedding = "model.embed_tokens.weight"
	finalNorm = "model.norm.weight"
	untied    = "lm_head.weight"
)

// head names the table that turns hidden states into logits.
func (c Config) head() string {
	if c.Tied {
		return embedding
	}
	return untied
}

// layer prefixes a name with the path of layer i.
func layer(i int, name string) string { return fmt.Sprintf("model.layers.%d.%s", i, name) }

// shape is a linear layer's [out, in].
type shape struct{ out, in int }

// linears gives the path and shape of every linear layer within the decoder layers: those an adapter may change.
func (c Config) linears() map[string]shape {
	q, kv := c.Heads*c.headDim(), c.KVHeads*c.headDim()
	all := map[string]shape{}
	for i := range c.Layers {
		all[layer(i, "self_attn.q_proj")] = shape{q, c.Hidden}
		all[layer(i, "self_attn.k_proj")] = shape{kv, c.Hidden}
		all[layer(i, "self_attn.v_proj")] = shape{kv, c.Hidden}
		all[layer(i, "self_attn.o_proj")] = shape{c.Hidden, q}
		all[layer(i, "mlp.gate_proj")] = shape{c.Intermediate, c.Hidden}
		all[layer(i, "mlp.up_proj")] = shape{c.Intermediate, c.Hidden}
		all[layer(i, "mlp.down_proj")] = shape{c.Hidden, c.Intermediate}
	}
	return all
}

// tensors gives the number of elements of every tensor of a checkpoint.
func (c Config) tensors() map[string]int {
	all := map[string]int{embedding: c.VocabSize * c.Hidden, finalNorm: c.Hidden, c.head(): c.VocabSize * c.Hidden}
	for i := range c.Layers {
		all[layer(i, "input_layernorm.weight")] = c.Hidden
		all[layer(i, "post_attention_layernorm.weight")] = c.Hidden
	}
	for path, s := range c.linears() {
		all[path+".weight"] = s.out * s.in
	}
	return all
}
