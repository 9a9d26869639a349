package kernels

import (
	"math"
	"sort"

	"nextquill/core/gpu"
)

// SampleParams says how Sample draws. It is data, not part of a plan: a plan
// recorded once serves all settings.
type SampleParams struct {
	// Temperature divides the logits; 0 takes the largest (greedy).
	Temperature float32
	// TopK keeps the K largest logits; 0 keeps all.
	TopK uint32
	// TopP keeps the fewest tokens whose probability reaches it; 1 keeps all.
	TopP float32
	// RepetitionPenalty divides positive and multiplies negative logits of ids
	// that the context has; 1 changes nothing.
	RepetitionPenalty float32
	// Steer is s of l = z^h + s·(z^h − z^0); 0 changes nothing.
	Steer float32
	// End holds up to four ids that end the text.
	End []uint32
}

// SampleParamWords is the size of Sample's params in 4-byte words.
const SampleParamWords = 16

// Words lays p out as Sample's params.
func (p SampleParams) Words() [SampleParamWords]uint32 {
	w := [SampleParamWords]uint32{gpu.F(p.Temperature), p.TopK, gpu.F(p.TopP), gpu.F(p.RepetitionPenalty), gpu.F(p.Steer)}
	for i := range 4 {
		w[8+i] = math.MaxUint32
		if i < len(p.End) {
			w[8+i] = p.End[i]
		}
	}
	return w
}

// SampledToken is one row of Sample's out.
type SampledToken struct {
	ID uint32
	// LogP is log p_h[ID] of the unmodified distribution with history, in nats.
	LogP float32
	// Logit is the token's logit after steering and penalty, before temperature.
	Logit float32
	// End is set when ID is one of SampleParams.End.
	End bool
}

// SampledWords is the size of a row of Sample's out in 4-byte words.
const SampledWords = 4

// DecodeSampled reads a row of Sample's out.
func DecodeSampled(row [SampledWords]uint32) SampledToken {
	return SampledToken{
		ID: row[0], LogP: math.Float32frombits(row[1]), Logit: math.Float32frombits(row[2]), End: row[3] != 0,
	}
}

// Sample records drawing one token from logits [1, stride] over vocab ids, or with
// dual [2, stride]: with history, then without. params [SampleParamWords] is
// SampleParams.Words; seen [vocab] u32 is 1 for ids that the context has; scratch
// [vocab] u32 is the kernel's own. It writes row Dyn.Slot of out [slots,
// SampledWords], the id into next [1] u32, and marks it in seen. The draw depends on
// Dyn's Seed and Position only.
func Sample(vocab, stride int, dual bool, logits, params, seen, scratch, out, next *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("sample", Consts{"DUAL": dual},
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(vocab), uint32(stride)},
		Args:   []*gpu.Tensor{logits, params, seen, scratch, out, next},
		Groups: func(*gpu.Dyn) [3]uint32 { return [3]uint32{1, 1, 1} },
		Flops:  func(*gpu.Dyn) float64 { return 400 * float64(vocab) },
	}
}

// SampleRef is Sample on the CPU, by sorting; without is nil with one branch. The
// caller marks the id as seen.
func SampleRef(p SampleParams, seed, position uint32, with, without []float32, seen []uint32) SampledToken {
	vocab := len(with)
	logits, ids := make([]float32, vocab), make([]int, vocab)
	for i := range logits {
		l := with[i]
		if without != nil {
			l += p.Steer * (l - without[i])
		}
		if seen[i] != 0 && l > 0 {
			l /= p.RepetitionPenalty
		} else if seen[i] != 0 {
			l *= p.RepetitionPenalty
		}
		logits[i], ids[i] = l, i
	}
	sort.SliceStable(ids, func(a, b int) bool { return logits[ids[a]] > logits[ids[b]] })
	chosen := ids[0]
	if p.Temperature > 0 {
		chosen = drawRef(p, seed, position, logits, ids)
	}
	peak, sum := peakAndSum(with)
	token := SampledToken{
		ID: uint32(chosen), Logit: logits[chosen],
		LogP: float32(float64(with[chosen]) - float64(peak) - math.Log(float64(sum))),
	}
	for _, end := range p.End {
		token.End = token.End || end == token.ID
	}
	return token
}

// drawRef draws from logits, whose ids are sorted from the largest down.
func drawRef(p SampleParams, seed, position uint32, logits []float32, ids []int) int {
	scaled := func(i int) float32 { return logits[i] / p.Temperature }
	weights := make([]float64, len(logits))
	for i := range weights {
		weights[i] = math.Exp(float64(scaled(i)) - float64(scaled(ids[0])))
	}
	keep := len(ids)
	if k := int(p.TopK); k > 0 && k < keep {
		for keep = k; keep < len(ids) && scaled(ids[keep]) == scaled(ids[k-1]); keep++ {
		}
	}
	sum := func(n int) (s float64) {
		for _, i := range ids[:n] {
			s += weights[i]
		}
		return s
	}
	if p.TopP < 1 {
		total, n := sum(keep), 1
		for n < keep && (sum(n) < float64(p.TopP)*total || scaled(ids[n]) == scaled(ids[n-1])) {
			n++
		}
		keep = n
	}
	kept := append([]int(nil), ids[:keep]...)
	sort.Slice(kept, func(a, b int) bool {
		if x, y := kept[a]%256, kept[b]%256; x != y {
			return x < y
		}
		return kept[a] < kept[b]
	})
	at := float64(pcg(pcg(position)^seed)>>8) / (1 << 24) * sum(keep)
	for _, i := range kept {
		if at < weights[i] {
			return i
		}
		at -= weights[i]
	}
	return kept[len(kept)-1]
}

// pcg is pcg_hash of shaders/sample.wgsl.
func pcg(v uint32) uint32 {
	state := v*747796405 + 2891336453
	word := ((state >> (state>>28 + 4)) ^ state) * 277803737
	return word>>22 ^ word
}

func init() {
	register("sample", func(c *Case) {
		vocab, stride, dual := c.Size("vocab"), RowStride(c.Size("vocab")), c.Flag("dual")
		p := SampleParams{
			Temperature: c.Param("temperature"), TopK: uint32(c.Size("top_k")), TopP: c.Param("top_p"),
			RepetitionPenalty: c.Param("penalty"), Steer: c.Param("steer"), End: []uint32{uint32(vocab / 2), 3},
		}
		const slots = 3
		c.Dyn.Seed, c.Dyn.Position, c.Dyn.Slot = uint32(c.Size("seed")), 77, 1
		values := make([]float32, 2*stride)
		for i := range values {
			// Coarse values, so that many are equal.
			values[i] = float32(math.Round(c.rng.NormFloat64()*24) / 8)
		}
		mask := make([]uint32, vocab)
		for i := range mask {
			mask[i] = uint32(c.rng.IntN(2))
		}
		logits, next := c.Values("logits", values), c.Garbage("next", 1)
		out := c.Random("out", slots*SampledWords)
		words := p.Words()
		seen := c.Words("seen", mask)
		c.Record(Sample(vocab, stride, dual, logits.GPU, c.Words("params", words[:]), seen,
			c.Words("scratch", make([]uint32, vocab)), out.GPU, next.GPU))

		var without []float32
		if dual {
			without = values[stride : stride+vocab]
		}
		want := SampleRef(p, c.Dyn.Seed, c.Dyn.Position, values[:vocab], without, mask)
		mask[want.ID] = 1
		marked := make([]float32, vocab)
		for i, m := range mask {
			marked[i] = math.Float32frombits(m)
		}
		row := out.Host[SampledWords:]
		row[0], row[1], row[2], row[3] = math.Float32frombits(want.ID), want.LogP, want.Logit, math.Float32frombits(flag(want.End))
		next.Host[0] = math.Float32frombits(want.ID)
		c.Expect(next, 0) // ids and marks are words: only equal bits will do
		c.Expect(&CaseTensor{marked, seen}, 0)
		c.Expect(out, 2e-6)
	})
}
