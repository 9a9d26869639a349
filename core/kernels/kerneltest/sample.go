package kerneltest

import (
	"cmp"
	"math"
	"slices"

	"nextquill/core/kernels"
)

// SampleRef is Sample on the CPU, by sorting. without is nil with one branch. The caller marks the
// id as seen.
func SampleRef(p kernels.SampleParams, dyn kernels.Dyn, with, without []float32,
	seen []uint32) kernels.SampledToken {
	vocab := len(with)
	logits, ids := make([]float32, vocab), make([]int, vocab)
	for i := range logits {
		l := with[i]
		if without != nil {
			l += p.Steer * (l - without[i])
		}
		switch marked := seen[i]&kernels.Seen != 0; {
		case seen[i]&kernels.NotFirst != 0 && dyn.Slot == 0:
			l = -1e30
		case marked && l > 0:
			l /= p.RepetitionPenalty
		case marked:
			l *= p.RepetitionPenalty
		}
		logits[i], ids[i] = l, i
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	chosen := ids[0]
	if p.Temperature > 0 {
		chosen = drawRef(p, dyn.Seed, dyn.Position, logits, ids)
	}
	peak, sum := peakAndSum(with)
	return kernels.SampledToken{
		ID: uint32(chosen), Logit: logits[chosen],
		LogP: float32(float64(with[chosen]) - float64(peak) - math.Log(float64(sum))),
	}
}

// drawRef draws from logits; ids is sorted by logit, the largest first.
func drawRef(p kernels.SampleParams, seed, position uint32, logits []float32, ids []int) int {
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
	slices.SortFunc(kept, func(a, b int) int {
		return cmp.Or(cmp.Compare(a%256, b%256), cmp.Compare(a, b))
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

func sampleCase(c *Case) {
	vocab, stride, dual := c.Size("vocab"), kernels.RowStride(c.Size("vocab")), c.Flag("dual")
	p := kernels.SampleParams{
		Temperature: c.Param("temperature"), TopK: uint32(c.Size("top_k")), TopP: c.Param("top_p"),
		RepetitionPenalty: c.Param("penalty"), Steer: c.Param("steer"),
	}
	const slots = 3
	c.Dyn.Seed, c.Dyn.Position, c.Dyn.Slot = uint32(c.Size("seed")), 77, 1
	if c.Flag("first") {
		c.Dyn.Slot = 0
	}
	values := make([]float32, 2*stride)
	for i := range values {
		// Coarse values, so that many of them are equal.
		values[i] = float32(math.Round(c.rng.NormFloat64()*24) / 8)
	}
	mask := make([]uint32, vocab)
	for i := range mask {
		mask[i] = uint32(c.rng.IntN(4))
	}
	logits, next := c.Values("logits", values), c.Garbage("next", 1)
	out := c.Random("out", slots*kernels.SampledWords)
	words := p.Words()
	seen := c.Words("seen", mask)
	c.Record(kernels.Sample(vocab, stride, dual, logits.GPU, c.Words("params", words[:]), seen,
		c.Words("scratch", make([]uint32, vocab)), out.GPU, next.GPU))

	var without []float32
	if dual {
		without = values[stride : stride+vocab]
	}
	want := SampleRef(p, c.Dyn, values[:vocab], without, mask)
	mask[want.ID] |= kernels.Seen
	marked := make([]float32, vocab)
	for i, m := range mask {
		marked[i] = math.Float32frombits(m)
	}
	row := out.Host[kernels.SampledWords*c.Dyn.Slot:]
	row[0], row[1], row[2] = math.Float32frombits(want.ID), want.LogP, want.Logit
	next.Host[0] = math.Float32frombits(want.ID)
	c.Expect(next, 0) // ids and marks are words: compare bits
	c.Expect(&CaseTensor{marked, seen}, 0)
	c.Expect(out, 2e-6)
}
