package train

import (
	"context"

	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Gradients computes the loss and the gradients of one optimizer step. Samples that exceed the
// token budget are split into micro-batches whose gradients accumulate.
type Gradients struct {
	model   *model.Model
	step    *model.Step
	forward *model.Step // a pass that only sums the weights, see Batch.Divisors; compiled on first use
}

// NewGradients compiles the forward and backward passes of spec. Free releases them.
func NewGradients(m *model.Model, spec model.StepSpec) (*Gradients, error) {
	step, err := m.NewStep(spec)
	if err != nil {
		return nil, err
	}
	return &Gradients{model: m, step: step}, nil
}

// Accumulated describes the gradients of one step.
type Accumulated struct {
	Divisors [2]float64 // Z of L_n and L_p; 0 means that the device sums the weights
	Tokens   int        // packed tokens
}

// Add queues the passes over a batch. They add to the model's gradients, and write the loss terms
// to a slot of the step's ring of sums. progress receives the share of the passes that was
// submitted.
func (g *Gradients) Add(ctx context.Context, b Batch, slot int, progress func(share float64)) (Accumulated, error) {
	spec := g.step.Spec
	packs, err := causal.MicroBatches(b.Samples, spec.Dual, spec.MaxTokens, spec.MaxResponses)
	if err != nil {
		return Accumulated{}, err
	}
	z, err := b.Divisors(ctx, spec.Objective, packs, g.forwardStep, func() { progress(0) })
	if err != nil {
		return Accumulated{}, err
	}
	out := Accumulated{Divisors: z}
	for i, p := range packs {
		d := kernels.Dyn{Slot: uint32(slot), NormNTP: float32(z[0]), NormAlign: float32(z[1])}
		if i > 0 {
			d.Accumulate = 1
		}
		part := func(share float64) { progress((float64(i) + share) / float64(len(packs))) }
		if err := g.step.Run(ctx, p, b.ExpertOf(p), d, part); err != nil {
			return out, err
		}
		out.Tokens += p.Tokens()
	}
	return out, nil
}

// forwardStep returns the pass that only sums the weights.
func (g *Gradients) forwardStep() (*model.Step, error) {
	if g.forward == nil {
		spec := g.step.Spec
		spec.Backward = false
		var err error
		if g.forward, err = g.model.NewStep(spec); err != nil {
			return nil, err
		}
	}
	return g.forward, nil
}

// Free destroys the passes' memory.
func (g *Gradients) Free() {
	g.step.Free()
	if g.forward != nil {
		g.forward.Free()
	}
}
