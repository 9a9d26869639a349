package kernels

import (
	"math"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// SampleParams holds the parameters of Sample. They are data and not part of a plan: a plan that is
// recorded once serves all settings.
type SampleParams struct {
	// Temperature divides the logits; 0 selects the largest logit (greedy).
	Temperature float32
	// TopK keeps the K largest logits; 0 keeps all.
	TopK uint32
	// TopP keeps the fewest tokens whose total probability reaches it; 1 keeps all.
	TopP float32
	// RepetitionPenalty divides positive and multiplies negative logits of ids that occur in the
	// context; 1 changes nothing.
	RepetitionPenalty float32
	// Steer is s of l = z^h + s·(z^h − z^0); 0 changes nothing.
	Steer float32
}

// SampleParamWords is the size of the params of Sample in 4-byte words.
const SampleParamWords = 8

// Words returns p in the layout of the params of Sample.
func (p SampleParams) Words() [SampleParamWords]uint32 {
	return [SampleParamWords]uint32{gpu.F(p.Temperature), p.TopK, gpu.F(p.TopP), gpu.F(p.RepetitionPenalty),
		gpu.F(p.Steer)}
}

// Bits of the input seen of Sample.
const (
	Seen     = 1
	NotFirst = 2
)

// SampledToken is one row of the output of Sample.
type SampledToken struct {
	ID uint32
	// LogP is log p_h[ID] of the unmodified distribution with history, in nats. After DatastoreMix
	// with both branches it is that of the mixture.
	LogP float32
	// Logit is the token's logit after steering and penalty, before temperature.
	Logit float32
}

// SampledWords is the size of a row of the output of Sample in 4-byte words.
const SampledWords = 3

// DecodeSampled decodes a row of the output of Sample.
func DecodeSampled(row [SampledWords]uint32) SampledToken {
	return SampledToken{ID: row[0], LogP: math.Float32frombits(row[1]), Logit: math.Float32frombits(row[2])}
}

// Sample records drawing one token from logits [1, stride] over vocab ids, or with dual [2,
// stride]: with history, then without. params [SampleParamWords] is SampleParams.Words; seen
// [vocab] u32 has the bit Seen for ids that occur in the context, and NotFirst for ids that are not
// drawn in slot 0; scratch [vocab] u32 is temporary memory. It writes row Dyn.Slot of out [slots,
// SampledWords], writes the id to next [1] u32, and marks it as seen. The draw depends only on
// Seed, Position and Slot of Dyn.
func Sample(vocab, stride int, dual bool, logits, params, seen, scratch, out, next *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("sample", wgsl.Values{"DUAL": wgsl.Bool(dual)},
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(vocab), uint32(stride)},
		Args:   []*gpu.Tensor{logits, params, seen, scratch, out, next},
		Groups: func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
		Flops:  func(*gpu.Replay) float64 { return 400 * float64(vocab) },
	}
}
