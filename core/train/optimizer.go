package train

import (
	"context"
	"math"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/params"
)

// AdamW holds the constants of the optimizer (Loshchilov & Hutter 2019).
type AdamW struct {
	Beta1, Beta2, Epsilon, WeightDecay float64
	// Clip is the largest global gradient norm; 0 disables clipping.
	Clip float64
}

// DefaultAdamW returns PyTorch's defaults, without weight decay and with clipping at norm 1.
func DefaultAdamW() AdamW { return AdamW{Beta1: .9, Beta2: .999, Epsilon: 1e-8, Clip: 1} }

// Optimizer updates a model's parameters from their gradients on the device: global gradient norm,
// clipping, AdamW at the learning rate of a schedule.
type Optimizer struct {
	adamw    AdamW
	schedule Schedule
	g        *gpu.Context
	params   *params.Packed
	plan     *gpu.Plan
	norm     gpu.Buffer // of the update that runs
	ring     gpu.Buffer // the norm records of the last model.SumSlots updates
}

// normBytes is the size of a norm record on the device.
const normBytes = 16

// NewOptimizer compiles the update of packed. Free releases it.
func NewOptimizer(g *gpu.Context, packed *params.Packed, adamw AdamW, schedule Schedule) (*Optimizer, error) {
	o := &Optimizer{adamw: adamw, schedule: schedule, g: g, params: packed, plan: g.NewPlan("update")}
	o.norm = g.NewBuffer("gradient norm", normBytes, gpu.Storage)
	o.ring = g.NewBuffer("norm ring", normBytes*model.SumSlots, gpu.Storage)
	norm := gpu.Persistent("gradient norm", o.norm, 0, normBytes)
	parts := 0
	for _, s := range packed.Segments {
		parts += kernels.GradNormParts(s.Count)
	}
	partials := o.plan.Temp("partials", int64(4*parts))
	at := 0
	for _, s := range packed.Segments {
		o.plan.Add(kernels.GradNorm(s.Count, s.GradT, partials, at))
		at += kernels.GradNormParts(s.Count)
	}
	o.plan.Add(kernels.ClipScale(parts, float32(adamw.Clip), partials, norm))
	for _, s := range packed.Segments {
		o.plan.Add(kernels.AdamW(s.Count, float32(adamw.Beta1), float32(adamw.Beta2), float32(adamw.Epsilon),
			float32(adamw.WeightDecay), s.GradT, norm, s.MeanT, s.VarT, s.ValueT))
	}
	if err := o.plan.Compile(); err != nil {
		o.Free()
		return nil, err
	}
	return o, nil
}

// ZeroGrad queues clearing the gradients.
func (o *Optimizer) ZeroGrad() {
	for _, s := range o.params.Segments {
		o.g.Clear(s.Grad, 0, int64(4*s.Count))
	}
}

// LR is the learning rate of a step, counted from 0.
func (o *Optimizer) LR(step int) float64 { return o.schedule.At(step) }

// Update queues the update of a step, counted from 0. A gradient that is not finite changes
// nothing.
func (o *Optimizer) Update(ctx context.Context, step int) error {
	dyn := kernels.Dyn{
		LR:    float32(o.LR(step)),
		Bias1: float32(1 - math.Pow(o.adamw.Beta1, float64(step+1))),
		Bias2: float32(1 - math.Pow(o.adamw.Beta2, float64(step+1))),
	}
	if err := o.plan.Run(ctx, dyn.Replay(), nil); err != nil {
		return err
	}
	o.g.Copy(o.norm, 0, o.ring, int64(normBytes*(step%model.SumSlots)), normBytes)
	return nil
}

// Norm is the device's record of one update.
type Norm struct {
	Value   float64 // global gradient norm before clipping
	Applied bool    // false when the gradient was not finite and nothing was updated
}

// Norms reads the records of the last updates; that of a step is at step % model.SumSlots.
func (o *Optimizer) Norms(ctx context.Context) ([]Norm, error) {
	v, err := o.g.ReadF32(ctx, o.ring, 0, normBytes/4*model.SumSlots)
	if err != nil {
		return nil, err
	}
	out := make([]Norm, model.SumSlots)
	for i := range out {
		record := v[normBytes/4*i:]
		out[i] = Norm{Value: float64(record[kernels.NormValue]), Applied: record[kernels.NormNonFinite] == 0}
	}
	return out, nil
}

// Free destroys the optimizer's memory. AdamW's moments belong to the parameters.
func (o *Optimizer) Free() {
	o.plan.Free()
	o.g.Free(o.norm)
	o.g.Free(o.ring)
}
