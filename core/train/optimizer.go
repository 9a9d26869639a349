// Package train fits a model's parameters to samples with the objective of
// core/causal: AdamW on the device, a schedule, checkpoints, early stopping.
package train

import (
	"context"
	"math"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// AdamW holds the constants of the optimizer (Loshchilov & Hutter 2019).
type AdamW struct {
	Beta1, Beta2, Epsilon, WeightDecay float64
	// Clip is the largest global gradient norm; 0 does not clip.
	Clip float64
}

// DefaultAdamW is PyTorch's default without weight decay, and a clip at norm 1.
var DefaultAdamW = AdamW{Beta1: .9, Beta2: .999, Epsilon: 1e-8, Clip: 1}

// Optimizer applies gradients to a model's parameters on the device: global
// norm, clip, AdamW.
type Optimizer struct {
	cfg    AdamW
	g      *gpu.Context
	params *model.Params
	plan   *gpu.Plan
	norm   gpu.Buffer
}

// NewOptimizer compiles the update.
func NewOptimizer(g *gpu.Context, params *model.Params, cfg AdamW) (*Optimizer, error) {
	o := &Optimizer{cfg: cfg, g: g, params: params, plan: g.NewPlan("update")}
	o.norm = g.NewBuffer("gradient norm", 16, gpu.Storage)
	norm := gpu.Persistent("gradient norm", o.norm, 0, 16)
	parts := 0
	for _, s := range params.Segments {
		parts += kernels.GradNormParts(s.Count)
	}
	partials := o.plan.Temp("partials", int64(4*parts))
	at := 0
	for _, s := range params.Segments {
		o.plan.Add(kernels.GradNorm(s.Count, s.GradT, partials, at))
		at += kernels.GradNormParts(s.Count)
	}
	o.plan.Add(kernels.ClipScale(parts, float32(cfg.Clip), partials, norm))
	for _, s := range params.Segments {
		o.plan.Add(kernels.AdamW(s.Count, float32(cfg.Beta1), float32(cfg.Beta2), float32(cfg.Epsilon), float32(cfg.WeightDecay),
			s.GradT, norm, s.MeanT, s.V, s.ValueT))
	}
	if err := o.plan.Compile(); err != nil {
		o.Free()
		return nil, err
	}
	return o, nil
}

// ZeroGrad clears the gradients.
func (o *Optimizer) ZeroGrad() {
	for _, s := range o.params.Segments {
		o.g.Clear(s.Grad, 0, int64(4*s.Count))
	}
}

// Update queues step t, counted from 0, at learning rate lr.
func (o *Optimizer) Update(ctx context.Context, t int, lr float64) error {
	dyn := kernels.Dyn{
		LR:    float32(lr),
		Bias1: float32(1 - math.Pow(o.cfg.Beta1, float64(t+1))),
		Bias2: float32(1 - math.Pow(o.cfg.Beta2, float64(t+1))),
	}
	return o.plan.Run(ctx, dyn.Replay(), 0)
}

// Norm is the device's record of the last update's gradient norm: the norm, the
// factor of the clip, and 1 when the norm was not finite and nothing was applied.
func (o *Optimizer) Norm() gpu.Buffer { return o.norm }

// Free destroys the optimizer's memory; the moments belong to Params.
func (o *Optimizer) Free() {
	o.plan.Free()
	o.g.Free(o.norm)
}
