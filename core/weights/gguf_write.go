package weights

import (
	"math"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufEOSKeys are the metadata keys of the end tokens, in the order of eos_token_id.
var ggufEOSKeys = []string{ggufEOS, "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}

// GGUFArchitecture returns the architecture name of this config in a GGUF file. Mistral uses
// "llama".
func (c Config) GGUFArchitecture() string {
	switch {
	case c.QKNorm:
		return "qwen3"
	case c.QKVBias && !c.OutputBias:
		return "qwen2"
	}
	return "llama"
}

// GGUFPairedRows returns Info.PairedRows of a tensor in a GGUF file of this config: the rows of one
// head if llama.cpp reorders them, else 0.
func (c Config) GGUFPairedRows(name string) int {
	if c.GGUFArchitecture() == "llama" && (strings.Contains(name, ".self_attn.q_proj.") ||
		strings.Contains(name, ".self_attn.k_proj.")) {
		return c.HeadDim
	}
	return 0
}

// GGUFMetadata returns the metadata entries of a GGUF file for this config, without those of the
// tokenizer.
func (c Config) GGUFMetadata(where string) ([]gguf.Entry, error) {
	if len(c.EOS) > len(ggufEOSKeys) {
		return nil, fault.New(fault.Unsupported, where, "eos_token_id", "lists %d tokens", len(c.EOS)).
			WithLimit("%d", len(ggufEOSKeys)).
			WithRemedy("remove the end tokens that the model never generates")
	}
	arch := c.GGUFArchitecture()
	entries := []gguf.Entry{gguf.NewEntry(ggufArchitecture, arch)}
	number := func(key string, n int) { entries = append(entries, gguf.NewEntry(key, uint32(n))) }
	for _, f := range []struct {
		key string
		n   int
	}{
		{"embedding_length", c.HiddenSize}, {"feed_forward_length", c.IntermediateSize}, {"block_count", c.Layers},
		{"attention.head_count", c.Heads}, {"attention.head_count_kv", c.KVHeads}, {"attention.key_length", c.HeadDim},
		{"attention.value_length", c.HeadDim}, {"rope.dimension_count", c.HeadDim}, {"context_length", c.MaxPositions},
		{"vocab_size", c.VocabSize},
	} {
		number(arch+"."+f.key, f.n)
	}
	entries = append(entries,
		gguf.NewEntry(arch+".attention.layer_norm_rms_epsilon", float32(c.RMSNormEps)),
		gguf.NewEntry(arch+".rope.freq_base", float32(c.RopeTheta)))
	if s := c.RopeScaling; s.Factor != 0 && s.LowFreqFactor == 0 {
		entries = append(entries, gguf.NewEntry(arch+".rope.scaling.type", "linear"),
			gguf.NewEntry(arch+".rope.scaling.factor", float32(s.Factor)))
	}
	if c.BOS >= 0 {
		number(ggufBOS, int(c.BOS))
	}
	for i, id := range c.EOS {
		number(ggufEOSKeys[i], int(id))
	}
	return entries, nil
}

// GGUFDivisors returns the tensor rope_freqs.weight of a GGUF file of this config: llama3 scaling
// as one divisor for each rotary pair of a head, [HeadDim/2]. It returns nil values without such
// scaling.
func (c Config) GGUFDivisors() (name string, values []float32) {
	switch {
	case c.RopeDivisors != nil:
		values = c.RopeDivisors
	case c.RopeScaling.LowFreqFactor != 0:
		for _, scaled := range c.RopeFrequencies() {
			plain := math.Pow(c.RopeTheta, -2*float64(len(values))/float64(c.HeadDim))
			values = append(values, float32(plain/scaled))
		}
	}
	return ggufDivisors, values
}

// GGUFName returns the GGUF name of a tensor: model.layers.3.self_attn.q_proj.weight is
// blk.3.attn_q.weight.
func GGUFName(name string) string {
	i := strings.LastIndexByte(name, '.')
	module, suffix := name[:i], name[i:]
	for theirs, hf := range ggufTop {
		if module == hf {
			return theirs + suffix
		}
	}
	rest := strings.TrimPrefix(module, "model.layers.")
	n, part, _ := strings.Cut(rest, ".")
	for theirs, hf := range ggufBlock {
		if part == hf {
			return "blk." + n + "." + theirs + suffix
		}
	}
	return name
}

// PairRows is the inverse of the row reordering in ReadF32At. values are complete heads of
// rows×width elements each; the result has the row order of a GGUF file (see Info.PairedRows).
func PairRows(values []float32, rows, width int) []float32 {
	out := make([]float32, len(values))
	for h := 0; h < len(out); h += rows * width {
		for r := range rows {
			to := 2*(r%(rows/2)) + r/(rows/2)
			copy(out[h+to*width:][:width], values[h+r*width:])
		}
	}
	return out
}
