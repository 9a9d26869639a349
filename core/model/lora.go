package model

import (
	"math"
	"math/rand/v2"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/weights"
)

// loraPair changes one linear layer's weight to W + scale·B·A, with A [rank, in] and B [out, rank].
type loraPair struct {
	rank  int // padded to a multiple of 4
	scale float32
	a, b  *gpu.Tensor
	da    *gpu.Tensor // nil when frozen
	db    *gpu.Tensor // likewise
}

// LoRASpec is the shape of a new adapter.
type LoRASpec struct {
	Rank  int
	Alpha float64
	// RSLoRA scales by α/√rank instead of α/rank (rank-stabilized LoRA).
	RSLoRA bool
	// Targets are last names of linear layers, as in PEFT's target_modules; empty means all.
	Targets []string
}

// MaxRank bounds the rank of a new adapter. Above it, full fine-tuning is the better choice.
const MaxRank = 512

// AttachLoRA adds a new trainable adapter to the targeted layers and uses it. A is drawn from
// U(−1/√in, 1/√in) as in PEFT (Kaiming with a=√5) and B is zero, so the model's output is unchanged
// at first. A model loaded with Full cannot have one.
func (m *Model) AttachLoRA(spec LoRASpec, seed uint64) error {
	if spec.Rank < 1 || spec.Rank > MaxRank {
		return fault.New(fault.OutOfRange, "lora", "rank", "%d", spec.Rank).WithLimit("1 to %d", MaxRank)
	}
	if !(spec.Alpha > 0) || math.IsInf(spec.Alpha, 0) {
		return fault.New(fault.OutOfRange, "lora", "alpha", "%g", spec.Alpha).WithLimit("a number above 0")
	}
	targets := spec.Targets
	if len(targets) == 0 {
		for _, p := range weights.LinearParts {
			targets = append(targets, p[strings.LastIndex(p, ".")+1:])
		}
	}
	hit := map[string]bool{}
	chosen := m.linearsWhere(func(l *linear) bool {
		for _, t := range targets {
			if l.path == t || strings.HasSuffix(l.path, "."+t) {
				hit[t] = true
				return true
			}
		}
		return false
	})
	for _, t := range targets {
		if !hit[t] {
			return fault.New(fault.Missing, "lora", "targets", "no linear layer is named %q", t).
				WithRemedy("use names such as q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")
		}
	}
	shape := weights.Adapter{Rank: spec.Rank, Alpha: spec.Alpha, RSLoRA: spec.RSLoRA, Targets: targets}
	a, err := m.newAdapter(shape, chosen, true)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 0x10a))
	for i, l := range chosen {
		bound := 1 / math.Sqrt(float64(l.in))
		v := make([]float32, a.pairs[i].rank*l.in)
		for j := range v[:spec.Rank*l.in] {
			v[j] = float32((2*rng.Float64() - 1) * bound)
		}
		a.params.Set(2*i, v)
	}
	m.Use(a)
	return m.g.Flush()
}

// linearsWhere lists the linear layers for which keep is true, in order.
func (m *Model) linearsWhere(keep func(*linear) bool) (out []*linear) {
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			if keep(l) {
				out = append(out, l)
			}
		}
	}
	return out
}
