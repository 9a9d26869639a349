package reference

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"nextquill/core/fault"
)

// Config holds the fields of an HF config.json (Llama, Mistral, Qwen2, Qwen3) that the arithmetic
// depends on.
type Config struct {
	ModelType    string  `json:"model_type"`
	VocabSize    int     `json:"vocab_size"`
	Hidden       int     `json:"hidden_size"`
	Intermediate int     `json:"intermediate_size"`
	Layers       int     `json:"num_hidden_layers"`
	Heads        int     `json:"num_attention_heads"`
	KVHeads      int     `json:"num_key_value_heads"`
	HeadDim      int     `json:"head_dim"` // 0: hidden_size / num_attention_heads
	NormEps      float64 `json:"rms_norm_eps"`
	Tied         bool    `json:"tie_word_embeddings"` // the head is the embedding table
	Bias         bool    `json:"attention_bias"`      // Llama and Qwen3: q, k, v and o have a bias
	// The rotary frequencies. Up to version 4, transformers writes the first two fields; from
	// version 5, the third.
	RopeTheta      float64 `json:"rope_theta"`
	RopeScaling    rope    `json:"rope_scaling"`
	RopeParameters rope    `json:"rope_parameters"`
}

// rope is rope_scaling, or rope_parameters, which also has the base θ.
type rope struct {
	Type     string  `json:"rope_type"` // "llama3", or empty or "default": no scaling
	Theta    float64 `json:"rope_theta"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
}

// bias reports whether a linear layer, by the last part of its path, has a bias. Qwen2 always has
// one on q, k and v.
func (c Config) bias(part string) bool {
	switch part {
	case "q_proj", "k_proj", "v_proj":
		return c.ModelType == "qwen2" || c.Bias
	case "o_proj":
		return c.ModelType != "qwen2" && c.Bias
	}
	return false
}

// headNorms reports whether each head of q and k is normalized before it is rotated.
func (c Config) headNorms() bool { return c.ModelType == "qwen3" }

// frequency is the angle by which one position rotates pair i of a head, θ^(−2i/d). Llama 3 scales
// it by the number of turns that a pair makes within the original positions: with High turns or
// more it is unchanged, with Low turns or fewer it is divided by Factor, and in between it is
// interpolated.
func (c Config) frequency(i int) float64 {
	freq := math.Pow(c.theta(), -2*float64(i)/float64(c.headDim()))
	s := c.RopeParameters
	if c.RopeScaling.Type != "" {
		s = c.RopeScaling
	}
	if s.Type != "llama3" {
		return freq
	}
	slow := freq / s.Factor
	switch turns := s.Original * freq / (2 * math.Pi); {
	case turns >= s.High:
		return freq
	case turns <= s.Low:
		return slow
	default:
		share := (turns - s.Low) / (s.High - s.Low)
		return share*freq + (1-share)*slow
	}
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
	if !slices.Contains([]string{"llama", "mistral", "qwen2", "qwen3"}, c.ModelType) {
		return fault.New(fault.Unsupported, "config", "model_type", "%q", c.ModelType)
	}
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
		return fault.New(fault.Mismatch, "config", "num_key_value_heads", "%d does not divide the %d heads",
			c.KVHeads, c.Heads)
	}
	if d := c.headDim(); d <= 0 || d%2 != 0 {
		return fault.New(fault.OutOfRange, "config", "head_dim", "%d", d).
			WithLimit("an even number: rotary positions rotate pairs")
	}
	if c.theta() <= 0 {
		return fault.New(fault.Missing, "config", "rope_theta",
			"neither rope_theta nor rope_parameters.rope_theta is set")
	}
	for _, s := range []rope{c.RopeScaling, c.RopeParameters} {
		switch s.Type {
		case "", "default":
		case "llama3":
			if s.Factor <= 0 || s.Original <= 0 || s.High <= s.Low {
				return fault.New(fault.OutOfRange, "config", "rope_scaling", "factor %v, low %v, high %v, original %v",
					s.Factor, s.Low, s.High, s.Original)
			}
		default:
			return fault.New(fault.Unsupported, "config", "rope_type", "%q", s.Type)
		}
	}
	return nil
}

// The names of the tensors outside the layers.
const (
	embedding = "model.embed_tokens.weight"
	finalNorm = "model.norm.weight"
	untied    = "lm_head.weight"
)

// head is the name of the tensor that maps hidden states to logits.
func (c Config) head() string {
	if c.Tied {
		return embedding
	}
	return untied
}

// layer prefixes a name with the path of layer i.
func layer(i int, name string) string { return fmt.Sprintf("model.layers.%d.%s", i, name) }

// shape is the shape of a linear layer's weight.
type shape struct{ out, in int }

// linears returns the path and shape of every linear layer in the decoder layers: those that an
// adapter may change.
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

// tensors returns the number of elements of every tensor of the model.
func (c Config) tensors() map[string]int {
	all := map[string]int{embedding: c.VocabSize * c.Hidden, finalNorm: c.Hidden, c.head(): c.VocabSize * c.Hidden}
	for i := range c.Layers {
		all[layer(i, "input_layernorm.weight")] = c.Hidden
		all[layer(i, "post_attention_layernorm.weight")] = c.Hidden
		if c.headNorms() {
			all[layer(i, "self_attn.q_norm.weight")] = c.headDim()
			all[layer(i, "self_attn.k_norm.weight")] = c.headDim()
		}
	}
	for path, s := range c.linears() {
		all[path+".weight"] = s.out * s.in
		if c.bias(path[strings.LastIndex(path, ".")+1:]) {
			all[path+".bias"] = s.out
		}
	}
	return all
}
