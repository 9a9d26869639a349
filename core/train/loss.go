package train

import (
	"context"

	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Terms are the loss L = NTP + α·Align.
type Terms struct {
	Total, NTP, Align float64
}

// Divisors returns Z of L_n and L_p where data alone decides it; 0 stands for
// the sum of the weights.
func Divisors(o causal.Options, responses, samples int) [2]float64 {
	z := func(n causal.Norm) float64 {
		switch n {
		case causal.ByTokens:
			return float64(responses)
		case causal.BySamples:
			return float64(samples)
		}
		return 0
	}
	return [2]float64{z(o.NormalizeNTP), z(o.NormalizeAlign)}
}

// LossOf makes the loss of the device's sums; a divisor of 0 is the sum of the
// weights, and a term without weight is 0.
func LossOf(s kernels.Sums, z [2]float64, alpha float64) Terms {
	if z[0] == 0 {
		z[0] = float64(s.WeightNTP)
	}
	if z[1] == 0 {
		z[1] = float64(s.WeightAlign)
	}
	var t Terms
	if z[0] != 0 {
		t.NTP = float64(s.LossNTP) / z[0]
	}
	if z[1] != 0 {
		t.Align = float64(s.LossAlign) / z[1]
	}
	t.Total = t.NTP + alpha*t.Align
	return t
}

// WeightSums runs the micro-batches of one step for the sums of their weights in
// L_n and L_p. step is a forward plan.
func WeightSums(ctx context.Context, step *model.Step, packs []*causal.Packed, expert func(*causal.Packed) []float32, budget float64) (sum [2]float64, err error) {
	const slot = model.SumSlots - 1
	for i, p := range packs {
		d := kernels.Dyn{Slot: slot, NormNTP: 1, NormAlign: 1}
		if i > 0 {
			d.Accumulate = 1
		}
		if err := step.Run(ctx, p, expert(p), d, budget); err != nil {
			return sum, err
		}
	}
	s, err := step.ReadSums(ctx, slot)
	return [2]float64{float64(s.WeightNTP), float64(s.WeightAlign)}, err
}
