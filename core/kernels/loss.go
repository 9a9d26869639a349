package kernels

import (
	"fmt"

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
		Groups:  func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
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
func perResponse(r *gpu.Replay) [3]uint32 { return linearGroups(PerResponse.Count(r), 64) }
