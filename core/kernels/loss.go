package kernels

import (
	"fmt"
	"math"

	"nextquill/core/gpu"
)

// TokenWidth is the number of f32 values in a response token's record; the
// constants below say where each is. Logarithms are natural.
const TokenWidth = 12

// The record of a response token. TokenStats writes all, TokenWeights the DCE
// under θ_D and the weights.
const (
	TokenLogpWith    = 0 // log p_h[y] of the live model
	TokenLogpWithout = 1 // log p_0[y] of the live model; 0 with one branch
	TokenDCE         = 2 // p_h[y] − p_0[y], under θ_D
	TokenOmega       = 3 // ω
	TokenCENTP       = 4 // CE(z^h, y) = −log p_h[y]
	TokenCEMCE       = 5 // CE(z^h−z^0, y)
	TokenMargin      = 6 // log(p_h[y] / max p_h), at most 0
	TokenWeightNTP   = 8 // weight in L_n
	TokenWeightAlign = 9 // weight in L_p
)

// SumsWidth is the number of f32 values in a slot of the ring of sums; the
// constants below say where each is. All are sums over response tokens.
const SumsWidth = 16

// A slot of the ring of sums.
const (
	SumNTP         = 0  // Σ w_n · CE(z^h, y)
	SumAlign       = 1  // Σ w_p · CE(z^h−z^0, y)
	SumWeightNTP   = 2  // Σ w_n
	SumWeightAlign = 3  // Σ w_p
	SumCount       = 4  // the number of tokens
	SumAbove       = 5  // the number of tokens with DCE > δ
	SumDCE         = 6  // Σ DCE
	SumOmega       = 7  // Σ ω
	SumCEWith      = 8  // Σ CE(z^h, y)
	SumCEWithout   = 9  // Σ CE(z^0, y)
	SumCEMCE       = 10 // Σ CE(z^h−z^0, y)
)

// WeightKind is how a causal effect becomes a token weight.
type WeightKind uint8

const (
	// Binary is λ above the threshold δ, else ε: the paper's.
	Binary WeightKind = iota
	// Soft is the log-ratio log p_h[y] − log p_0[y] clipped to [ε, λ].
	Soft
)

// WeightSpec says how TokenWeights weighs.
type WeightSpec struct {
	Kind                   WeightKind
	Delta, Lambda, Epsilon float32
	// SelfExpert takes θ_D to be the live weights.
	SelfExpert bool
	// NTPWeighted and AlignWeighted put ω, not 1, before the tokens of L_n, L_p.
	NTPWeighted, AlignWeighted bool
	// Plausible drops from L_p the tokens with log(p_h[y] / max p_h) < LogBeta.
	Plausible bool
	LogBeta   float32
}

// TokenStats records the records of the response tokens, tokens [R, TokenWidth],
// from the fused head's state [R, HeadStateWidth]. Weights are 0 until
// TokenWeights.
func TokenStats(dual bool, state, tokens *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("token_stats", Consts{"DUAL": dual}, gpu.ReadStorage, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state, tokens},
		Groups:  perResponse,
	}
}

// ExpertStats records what TokenWeights wants of a frozen θ_D, expert [R, 2] =
// (log p_h[y], log p_0[y]), from the fused head's state [R, HeadStateWidth] after
// a pass of both branches under θ_D.
func ExpertStats(state, expert *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("token_stats", Consts{"DUAL": true, "EXPERT": true}, gpu.ReadStorage, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state, expert},
		Groups:  perResponse,
	}
}

// TokenWeights records weighing tokens [R, TokenWidth]: expert [R, 2] holds log
// p_h[y] and log p_0[y] under θ_D, and may be nil with SelfExpert.
func TokenWeights(s WeightSpec, expert, tokens *gpu.Tensor) gpu.Dispatch {
	if s.Kind == Soft && s.Epsilon > s.Lambda {
		panic(fmt.Sprintf("kernels: soft weights from %g to %g", s.Epsilon, s.Lambda))
	}
	args, access := []*gpu.Tensor{tokens}, []gpu.Access{gpu.WriteStorage}
	if !s.SelfExpert {
		args, access = []*gpu.Tensor{expert, tokens}, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}
	}
	return gpu.Dispatch{
		Program: program("token_weights", Consts{"EXPERT": !s.SelfExpert, "SOFT": s.Kind == Soft, "PLAUSIBLE": s.Plausible}, access...),
		Shape: gpu.Shape{
			gpu.F(s.Delta), gpu.F(s.Lambda), gpu.F(s.Epsilon), gpu.F(s.LogBeta),
			flag(s.NTPWeighted), flag(s.AlignWeighted),
		},
		Args:   args,
		Groups: perResponse,
	}
}

// WeightSums records summing tokens [R, TokenWidth] into slot Dyn.Slot of sums
// [slots, SumsWidth], on top of what it holds when Dyn.Accumulate is 1. delta is
// the threshold that SumAbove counts by.
func WeightSums(delta float32, tokens, sums *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("weight_sums", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{gpu.F(delta)},
		Args:    []*gpu.Tensor{tokens, sums},
		Groups:  func(*gpu.Dyn) [3]uint32 { return [3]uint32{1, 1, 1} },
	}
}

// CoefSpec says how LossCoefs combines the two losses.
type CoefSpec struct {
	// Dual is set with both branches; else L_p does not exist.
	Dual  bool
	Alpha float32
}

// LossCoefs records coef [R, 2], the factors w_n/Z_n and α·w_p/Z_p of each token's
// cross-entropies. Z_n and Z_p are Dyn.NormNTP and Dyn.NormAlign, or where those
// are 0 the sums of weights in slot Dyn.Slot of sums. 0/0 is 0.
func LossCoefs(s CoefSpec, tokens, sums, coef *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("loss_coefs", Consts{"DUAL": s.Dual}, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{gpu.F(s.Alpha)},
		Args:    []*gpu.Tensor{tokens, sums, coef},
		Groups:  perResponse,
	}
}

// perResponse is one invocation a response token in workgroups of 64.
func perResponse(d *gpu.Dyn) [3]uint32 { return linearGroups(int(d.Responses), 64) }

// TokenStatsRef is TokenStats on the CPU.
func TokenStatsRef(dual bool, state, tokens []float32) {
	for r := range len(tokens) / TokenWidth {
		s, t := state[r*HeadStateWidth:], tokens[r*TokenWidth:(r+1)*TokenWidth]
		clear(t)
		logp := func(label, peak, sum float32) float64 {
			return float64(label) - float64(peak) - math.Log(float64(sum))
		}
		with := logp(s[headLabelWith], s[headPeakWith], s[headSumWith])
		t[TokenLogpWith], t[TokenCENTP] = float32(with), float32(-with)
		t[TokenMargin] = s[headLabelWith] - s[headPeakWith]
		if dual {
			without := logp(s[headLabelWithout], s[headPeakWithout], s[headSumWithout])
			t[TokenLogpWithout] = float32(without)
			t[TokenDCE] = float32(math.Exp(with) - math.Exp(without))
			t[TokenCEMCE] = float32(-logp(s[headLabelWith]-s[headLabelWithout], s[headPeakDiff], s[headSumDiff]))
		}
	}
}

// TokenWeightsRef is TokenWeights on the CPU.
func TokenWeightsRef(s WeightSpec, expert, tokens []float32) {
	for r := range len(tokens) / TokenWidth {
		t := tokens[r*TokenWidth:]
		with, without := t[TokenLogpWith], t[TokenLogpWithout]
		if !s.SelfExpert {
			with, without = expert[2*r], expert[2*r+1]
			t[TokenDCE] = float32(math.Exp(float64(with)) - math.Exp(float64(without)))
		}
		switch {
		case s.Kind == Soft:
			t[TokenOmega] = max(s.Epsilon, min(s.Lambda, with-without))
		case t[TokenDCE] > s.Delta:
			t[TokenOmega] = s.Lambda
		default:
			t[TokenOmega] = s.Epsilon
		}
		t[TokenWeightNTP], t[TokenWeightAlign] = 1, 1
		if s.NTPWeighted {
			t[TokenWeightNTP] = t[TokenOmega]
		}
		if s.AlignWeighted {
			t[TokenWeightAlign] = t[TokenOmega]
		}
		if s.Plausible && t[TokenMargin] < s.LogBeta {
			t[TokenWeightAlign] = 0
		}
	}
}

// WeightSumsRef is WeightSums on the CPU for one slot.
func WeightSumsRef(delta float32, accumulate bool, tokens, slot []float32) {
	var sums [SumsWidth]float64
	for r := range len(tokens) / TokenWidth {
		t := tokens[r*TokenWidth:]
		sums[SumNTP] += float64(t[TokenWeightNTP]) * float64(t[TokenCENTP])
		sums[SumAlign] += float64(t[TokenWeightAlign]) * float64(t[TokenCEMCE])
		sums[SumWeightNTP] += float64(t[TokenWeightNTP])
		sums[SumWeightAlign] += float64(t[TokenWeightAlign])
		sums[SumCount]++
		if t[TokenDCE] > delta {
			sums[SumAbove]++
		}
		sums[SumDCE] += float64(t[TokenDCE])
		sums[SumOmega] += float64(t[TokenOmega])
		sums[SumCEWith] += float64(t[TokenCENTP])
		sums[SumCEWithout] -= float64(t[TokenLogpWithout])
		sums[SumCEMCE] += float64(t[TokenCEMCE])
	}
	for i, s := range sums {
		if accumulate {
			s += float64(slot[i])
		}
		slot[i] = float32(s)
	}
}

// LossCoefsRef is LossCoefs on the CPU for one slot.
func LossCoefsRef(s CoefSpec, normNTP, normAlign float32, tokens, slot, coef []float32) {
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
		t := tokens[r*TokenWidth:]
		coef[2*r], coef[2*r+1] = ratio(t[TokenWeightNTP], normNTP, slot[SumWeightNTP]), 0
		if s.Dual {
			coef[2*r+1] = s.Alpha * ratio(t[TokenWeightAlign], normAlign, slot[SumWeightAlign])
		}
	}
}

// headState makes states of random logits over a small vocabulary; in some tokens
// the branches are near each other, as where history tells nothing.
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
	state := make([]float32, n*HeadStateWidth)
	HeadReduceRef(dual, vocab, logits, targets, state)
	return c.Values("state", state)
}

func init() {
	register("loss", func(c *Case) {
		n, dual, slots := c.Size("responses"), c.Flag("dual"), 3
		spec := WeightSpec{
			Kind: Binary, Delta: .05, Lambda: .9, Epsilon: .1, SelfExpert: c.Flag("self"),
			NTPWeighted: c.Flag("ntp_weighted"), AlignWeighted: c.Flag("align_weighted"),
			Plausible: c.Flag("plausible"), LogBeta: -2,
		}
		if c.Flag("soft") {
			spec.Kind = Soft
		}
		if c.Flag("zero") {
			spec.Delta, spec.Epsilon = 1, 0 // all weights 0
		}
		c.Dyn.Responses, c.Dyn.Slot, c.Dyn.Accumulate = uint32(n), 1, uint32(c.Size("accumulate"))
		c.Dyn.NormNTP, c.Dyn.NormAlign = c.Param("norm_ntp"), c.Param("norm_align")

		state, tokens := c.headState(n, dual), c.Garbage("tokens", n*TokenWidth)
		frozen, judge := c.headState(n, true), c.Garbage("expert", 2*n)
		sums, coef := c.Random("sums", slots*SumsWidth), c.Garbage("coef", 2*n)
		coefs := CoefSpec{Dual: dual, Alpha: .3}
		c.Record(
			ExpertStats(frozen.GPU, judge.GPU), TokenStats(dual, state.GPU, tokens.GPU),
			TokenWeights(spec, judge.GPU, tokens.GPU), WeightSums(spec.Delta, tokens.GPU, sums.GPU),
			LossCoefs(coefs, tokens.GPU, sums.GPU, coef.GPU))

		slot := sums.Host[SumsWidth : 2*SumsWidth]
		record := make([]float32, n*TokenWidth)
		TokenStatsRef(true, frozen.Host, record)
		for r := range n {
			copy(judge.Host[2*r:2*r+2], record[r*TokenWidth+TokenLogpWith:])
		}
		TokenStatsRef(dual, state.Host, tokens.Host)
		TokenWeightsRef(spec, judge.Host, tokens.Host)
		WeightSumsRef(spec.Delta, c.Dyn.Accumulate == 1, tokens.Host, slot)
		LossCoefsRef(coefs, c.Dyn.NormNTP, c.Dyn.NormAlign, tokens.Host, slot, coef.Host)
		c.Expect(judge, 1e-6)
		c.Expect(tokens, 1e-6)
		c.Expect(sums, 2e-6)
		c.Expect(coef, 2e-6)
	})
}
