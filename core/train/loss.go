package train

import (
	"context"

	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Terms is the loss L = L_n + α·L_p and its terms, in nats. Align does not include α.
type Terms struct {
	Total, NTP, Align float64
}

// Divisors returns Z of L_n and L_p for a batch of this many response tokens and samples. 0 stands
// for the sum of the weights, which only the device knows.
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

// LossOf computes the loss from the device's sums. A divisor of 0 is the sum of the weights; a term
// whose weights are all 0 is 0.
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

// Divisors returns Z of L_n and L_p for the batch, packed into these micro-batches. If Z is the sum
// of the weights, the result depends on their number. With one, it is 0, which means that the
// device sums the weights. With several, a pass over all of them sums the weights first, so that
// accumulation is exact. pass returns a step for that: only its forward part matters, and gradients
// that it adds must be cleared. progress, which may be nil, is called between submits.
func (b Batch) Divisors(
	ctx context.Context, o causal.Options, packs []*causal.Packed, pass func() (*model.Step, error),
	progress func(),
) ([2]float64, error) {
	z := Divisors(o, b.responses(), len(b.Samples))
	if len(packs) == 1 || (z[0] > 0 && z[1] > 0) {
		return z, nil
	}
	step, err := pass()
	if err != nil {
		return z, err
	}
	sums, err := b.weightSums(ctx, step, packs, progress)
	if err != nil {
		return z, err
	}
	for i := range z {
		if z[i] == 0 {
			z[i] = sums[i]
		}
	}
	return z, nil
}

// weightSums returns the sums of the weights in L_n and L_p over all micro-batches of a step.
func (b Batch) weightSums(
	ctx context.Context, step *model.Step, packs []*causal.Packed, progress func(),
) (sum [2]float64, err error) {
	const slot = model.SumSlots - 1
	var between func(float64)
	if progress != nil {
		between = func(float64) { progress() }
	}
	for i, p := range packs {
		d := kernels.Dyn{Slot: slot, NormNTP: 1, NormAlign: 1}
		if i > 0 {
			d.Accumulate = 1
		}
		if err := step.Run(ctx, p, b.ExpertOf(p), d, between); err != nil {
			return sum, err
		}
	}
	s, err := step.ReadSums(ctx, slot)
	return [2]float64{float64(s.WeightNTP), float64(s.WeightAlign)}, err
}
