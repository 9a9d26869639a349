package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// TokenWidth is the number of f32 values in the record of a response token. The constants below are
// their indices. Logarithms are natural.
const TokenWidth = 12

// The values in the record of a response token. TokenStats writes all of them; TokenWeights then
// writes the DCE (data-side causal effect) under θ_D and the weights. CEMCE is the cross-entropy
// under the MCE (model-side causal effect).
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

// SumsWidth is the number of f32 values in a slot of the ring of sums. The constants below are
// their indices. All are sums over response tokens.
const SumsWidth = 16

// The values in a slot of the ring of sums.
const (
	SumNTP         = 0  // Σ w_n · ((1 − β)·CE(z^h, y) + β·CE(z^0, y))
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

// WeightKind is the function from a causal effect to a token weight.
type WeightKind uint8

const (
	// Binary is λ above the threshold δ and ε otherwise, as in the paper.
	Binary WeightKind = iota
	// Soft is the log-ratio log p_h[y] − log p_0[y] clipped to [ε, λ].
	Soft
)

// WeightSpec holds the parameters of TokenWeights.
type WeightSpec struct {
	Kind                   WeightKind
	Delta, Lambda, Epsilon float32
	// SelfExpert uses the live weights as θ_D.
	SelfExpert bool
	// NTPWeighted and AlignWeighted weight the tokens of L_n and L_p by ω instead of 1.
	NTPWeighted, AlignWeighted bool
	// Plausible removes from L_p the tokens with log(p_h[y] / max p_h) < LogBeta.
	Plausible bool
	LogBeta   float32
}

// TokenStats records writing tokens [R, TokenWidth] from the state [R, HeadStateWidth] of the fused
// head. The weights are 0 until TokenWeights runs.
func TokenStats(dual bool, state, tokens *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("token_stats", wgsl.Values{"DUAL": wgsl.Bool(dual), "EXPERT": 0}, gpu.ReadStorage,
			gpu.WriteStorage),
		Args:   []*gpu.Tensor{state, tokens},
		Groups: perResponse,
	}
}

// ExpertStats records the input of TokenWeights from a frozen θ_D, expert [R, 2] = (log p_h[y], log
// p_0[y]), from the state [R, HeadStateWidth] of the fused head after a pass of both branches under
// θ_D.
func ExpertStats(state, expert *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("token_stats", wgsl.Values{"DUAL": 1, "EXPERT": 1}, gpu.ReadStorage, gpu.WriteStorage),
		Args:    []*gpu.Tensor{state, expert},
		Groups:  perResponse,
	}
}

// TokenWeights records writing the weights of tokens [R, TokenWidth]. expert [R, 2] holds log
// p_h[y] and log p_0[y] under θ_D; it may be nil with SelfExpert.
func TokenWeights(s WeightSpec, expert, tokens *gpu.Tensor) gpu.Dispatch {
	if s.Kind == Soft && s.Epsilon > s.Lambda {
		panic(fmt.Sprintf("kernels: soft weights need Epsilon %g at most Lambda %g", s.Epsilon, s.Lambda))
	}
	args, access := []*gpu.Tensor{tokens}, []gpu.Access{gpu.WriteStorage}
	if !s.SelfExpert {
		args, access = []*gpu.Tensor{expert, tokens}, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}
	}
	return gpu.Dispatch{
		Program: program("token_weights", wgsl.Values{
			"EXPERT": wgsl.Bool(!s.SelfExpert), "SOFT": wgsl.Bool(s.Kind == Soft), "PLAUSIBLE": wgsl.Bool(s.Plausible),
		}, access...),
		Shape: gpu.Shape{
			gpu.F(s.Delta), gpu.F(s.Lambda), gpu.F(s.Epsilon), gpu.F(s.LogBeta),
			flag(s.NTPWeighted), flag(s.AlignWeighted),
		},
		Args:   args,
		Groups: perResponse,
	}
}

// WeightSums records summing tokens [R, TokenWidth] into slot Dyn.Slot of sums [slots, SumsWidth],
// or adding to that slot when Dyn.Accumulate is 1. delta is the threshold of SumAbove, erased is β,
// the share of CE(z^0, y) in SumNTP.
func WeightSums(delta, erased float32, tokens, sums *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("weight_sums", wgsl.Values{"ERASED": wgsl.Bool(erased != 0)}, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{gpu.F(delta), gpu.F(erased)},
		Args:   []*gpu.Tensor{tokens, sums},
		Groups: func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
	}
}

// CoefSpec holds the parameters of LossCoefs.
type CoefSpec struct {
	// Dual is set with both branches. Without it there is no L_p.
	Dual  bool
	Alpha float32
}

// LossCoefs records coef [R, 2], the factors w_n/Z_n and α·w_p/Z_p of the cross-entropies of each
// token. Z_n and Z_p are Dyn.NormNTP and Dyn.NormAlign, or where those are 0 the sums of weights in
// slot Dyn.Slot of sums. 0/0 is 0.
func LossCoefs(s CoefSpec, tokens, sums, coef *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("loss_coefs", wgsl.Values{"DUAL": wgsl.Bool(s.Dual)}, gpu.ReadStorage, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{gpu.F(s.Alpha)},
		Args:   []*gpu.Tensor{tokens, sums, coef},
		Groups: perResponse,
	}
}

// perResponse returns one invocation per response token, in workgroups of 64.
func perResponse(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r), 64) }

// Token is the record of a response token on the host.
type Token struct {
	LogpWith, LogpWithout  float32 // natural logarithms, under the live model
	DCE                    float32 // under θ_D
	Omega                  float32
	CENTP, CEMCE           float32
	Margin                 float32
	WeightNTP, WeightAlign float32
}

// TokenAt decodes the record at the start of v, TokenWidth values.
func TokenAt(v []float32) Token {
	return Token{
		LogpWith: v[TokenLogpWith], LogpWithout: v[TokenLogpWithout], DCE: v[TokenDCE], Omega: v[TokenOmega],
		CENTP: v[TokenCENTP], CEMCE: v[TokenCEMCE], Margin: v[TokenMargin],
		WeightNTP: v[TokenWeightNTP], WeightAlign: v[TokenWeightAlign],
	}
}

// Sums is a slot of the ring of sums on the host.
type Sums struct {
	LossNTP, LossAlign     float32 // before division by Z
	WeightNTP, WeightAlign float32
	Count, Above           float32
	DCE                    float32
}

// SumsAt decodes the slot at the start of v, SumsWidth values.
func SumsAt(v []float32) Sums {
	return Sums{
		LossNTP: v[SumNTP], LossAlign: v[SumAlign], WeightNTP: v[SumWeightNTP], WeightAlign: v[SumWeightAlign],
		Count: v[SumCount], Above: v[SumAbove], DCE: v[SumDCE],
	}
}
