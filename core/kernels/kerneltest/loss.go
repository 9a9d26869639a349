package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// TokenStatsRef is TokenStats on the CPU.
func TokenStatsRef(dual bool, state, tokens []float32) {
	for r := range len(tokens) / kernels.TokenWidth {
		s, t := state[r*kernels.HeadStateWidth:], tokens[r*kernels.TokenWidth:(r+1)*kernels.TokenWidth]
		clear(t)
		logp := func(label, peak, sum float32) float64 {
			return float64(label) - float64(peak) - math.Log(float64(sum))
		}
		with := logp(s[headLabelWith], s[headPeakWith], s[headSumWith])
		t[kernels.TokenLogpWith], t[kernels.TokenCENTP] = float32(with), float32(-with)
		t[kernels.TokenMargin] = s[headLabelWith] - s[headPeakWith]
		if dual {
			without := logp(s[headLabelWithout], s[headPeakWithout], s[headSumWithout])
			t[kernels.TokenLogpWithout] = float32(without)
			t[kernels.TokenDCE] = float32(math.Exp(with) - math.Exp(without))
			t[kernels.TokenCEMCE] = float32(-logp(s[headLabelWith]-s[headLabelWithout], s[headPeakDiff],
				s[headSumDiff]))
		}
	}
}

// TokenWeightsRef is TokenWeights on the CPU.
func TokenWeightsRef(s kernels.WeightSpec, expert, tokens []float32) {
	for r := range len(tokens) / kernels.TokenWidth {
		t := tokens[r*kernels.TokenWidth:]
		with, without := t[kernels.TokenLogpWith], t[kernels.TokenLogpWithout]
		if !s.SelfExpert {
			with, without = expert[2*r], expert[2*r+1]
			t[kernels.TokenDCE] = float32(math.Exp(float64(with)) - math.Exp(float64(without)))
		}
		switch {
		case s.Kind == kernels.Soft:
			t[kernels.TokenOmega] = max(s.Epsilon, min(s.Lambda, with-without))
		case t[kernels.TokenDCE] > s.Delta:
			t[kernels.TokenOmega] = s.Lambda
		default:
			t[kernels.TokenOmega] = s.Epsilon
		}
		t[kernels.TokenWeightNTP], t[kernels.TokenWeightAlign] = 1, 1
		if s.NTPWeighted {
			t[kernels.TokenWeightNTP] = t[kernels.TokenOmega]
		}
		if s.AlignWeighted {
			t[kernels.TokenWeightAlign] = t[kernels.TokenOmega]
		}
		if s.Plausible && t[kernels.TokenMargin] < s.LogBeta {
			t[kernels.TokenWeightAlign] = 0
		}
	}
}

// WeightSumsRef is WeightSums on the CPU for one slot.
func WeightSumsRef(delta, erased float32, accumulate bool, tokens, slot []float32) {
	var sums [kernels.SumsWidth]float64
	for r := range len(tokens) / kernels.TokenWidth {
		t := tokens[r*kernels.TokenWidth:]
		ntp, beta := float64(t[kernels.TokenCENTP]), float64(erased)
		ntp = (1-beta)*ntp - beta*float64(t[kernels.TokenLogpWithout])
		sums[kernels.SumNTP] += float64(t[kernels.TokenWeightNTP]) * ntp
		sums[kernels.SumAlign] += float64(t[kernels.TokenWeightAlign]) * float64(t[kernels.TokenCEMCE])
		sums[kernels.SumWeightNTP] += float64(t[kernels.TokenWeightNTP])
		sums[kernels.SumWeightAlign] += float64(t[kernels.TokenWeightAlign])
		sums[kernels.SumCount]++
		if t[kernels.TokenDCE] > delta {
			sums[kernels.SumAbove]++
		}
		sums[kernels.SumDCE] += float64(t[kernels.TokenDCE])
		sums[kernels.SumOmega] += float64(t[kernels.TokenOmega])
		sums[kernels.SumCEWith] += float64(t[kernels.TokenCENTP])
		sums[kernels.SumCEWithout] -= float64(t[kernels.TokenLogpWithout])
		sums[kernels.SumCEMCE] += float64(t[kernels.TokenCEMCE])
	}
	for i, s := range sums {
		if accumulate {
			s += float64(slot[i])
		}
		slot[i] = float32(s)
	}
}

// LossCoefsRef is LossCoefs on the CPU for one slot.
func LossCoefsRef(s kernels.CoefSpec, normNTP, normAlign float32, tokens, slot, coef []float32) {
	ratio := func(weight, norm, sum float32) float32 {
		if norm == 0 {
			norm = sum
		}
		if weight == 0 || norm == 0 {
			return 0
		}
		return weight / norm
	}
	for r := range len(coef) / 2 {
		t := tokens[r*kernels.TokenWidth:]
		coef[2*r], coef[2*r+1] = ratio(t[kernels.TokenWeightNTP], normNTP, slot[kernels.SumWeightNTP]), 0
		if s.Dual {
			coef[2*r+1] = s.Alpha * ratio(t[kernels.TokenWeightAlign], normAlign, slot[kernels.SumWeightAlign])
		}
	}
}

// headState makes states of random logits over a small vocabulary. In some tokens the two branches
// are nearly equal, as they are where the history has no effect.
func (c *Case) headState(n int, dual bool) *CaseTensor {
	const vocab = 23
	logits, targets := make([]float32, 2*n*vocab), make([]uint32, n)
	for i := range logits {
		logits[i] = float32(c.rng.NormFloat64()) * 4
		if j := i - n*vocab; j >= 0 && (j/vocab)%3 == 0 {
			logits[i] = logits[j] + 1e-3*logits[i]
		}
	}
	for r := range targets {
		targets[r] = uint32(c.rng.IntN(vocab))
	}
	state := make([]float32, n*kernels.HeadStateWidth)
	HeadReduceRef(dual, vocab, logits, targets, state)
	return c.Values("state", state)
}

func lossCase(c *Case) {
	n, dual, slots := c.Size("responses"), c.Flag("dual"), 3
	spec := kernels.WeightSpec{
		Kind: kernels.Binary, Delta: .05, Lambda: .9, Epsilon: .1, SelfExpert: c.Flag("self"),
		NTPWeighted: c.Flag("ntp_weighted"), AlignWeighted: c.Flag("align_weighted"),
		Plausible: c.Flag("plausible"), LogBeta: -2,
	}
	if c.Flag("soft") {
		spec.Kind = kernels.Soft
	}
	if c.Flag("zero") {
		spec.Delta, spec.Epsilon = 1, 0 // all weights 0
	}
	c.Dyn.Responses, c.Dyn.Slot, c.Dyn.Accumulate = uint32(n), 1, uint32(c.Size("accumulate"))
	c.Dyn.NormNTP, c.Dyn.NormAlign = c.Param("norm_ntp"), c.Param("norm_align")

	state, tokens := c.headState(n, dual), c.Garbage("tokens", n*kernels.TokenWidth)
	frozen, judge := c.headState(n, true), c.Garbage("expert", 2*n)
	sums, coef := c.Random("sums", slots*kernels.SumsWidth), c.Garbage("coef", 2*n)
	coefs := kernels.CoefSpec{Dual: dual, Alpha: .3}
	c.Record(
		kernels.ExpertStats(frozen.GPU, judge.GPU), kernels.TokenStats(dual, state.GPU, tokens.GPU),
		kernels.TokenWeights(spec, judge.GPU, tokens.GPU),
		kernels.WeightSums(spec.Delta, c.Param("erased"), tokens.GPU, sums.GPU),
		kernels.LossCoefs(coefs, tokens.GPU, sums.GPU, coef.GPU))

	slot := sums.Host[kernels.SumsWidth : 2*kernels.SumsWidth]
	record := make([]float32, n*kernels.TokenWidth)
	TokenStatsRef(true, frozen.Host, record)
	for r := range n {
		copy(judge.Host[2*r:2*r+2], record[r*kernels.TokenWidth+kernels.TokenLogpWith:])
	}
	TokenStatsRef(dual, state.Host, tokens.Host)
	TokenWeightsRef(spec, judge.Host, tokens.Host)
	WeightSumsRef(spec.Delta, c.Param("erased"), c.Dyn.Accumulate == 1, tokens.Host, slot)
	LossCoefsRef(coefs, c.Dyn.NormNTP, c.Dyn.NormAlign, tokens.Host, slot, coef.Host)
	c.Expect(judge, 1e-6)
	c.Expect(tokens, 1e-6)
	c.Expect(sums, 2e-6)
	c.Expect(coef, 2e-6)
}
