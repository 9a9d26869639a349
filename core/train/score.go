package train

import (
	"context"
	"fmt"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Scorer runs samples forward and reads one record per response token: for held-out loss, for the
// causal effects under a frozen θ_D, for explanations.
type Scorer struct {
	step   *model.Step
	limits Limits
}

// NewScorer compiles a forward pass for the adapter that the model uses now. dual also scores the
// branch without history.
func NewScorer(m *model.Model, limits Limits, dual bool) (*Scorer, error) {
	step, err := m.NewStep(ScoreSpec(limits, dual))
	if err != nil {
		return nil, err
	}
	return &Scorer{step, limits}, nil
}

// Score returns the records of each sample, [samples][responses]. progress, which may be nil,
// receives the number of samples done, and between submits the number with a fraction.
func (s *Scorer) Score(
	ctx context.Context, samples []causal.Sample, progress func(done float64),
) ([][]kernels.Token, error) {
	packs, err := causal.MicroBatches(samples, s.step.Spec.Dual, s.limits.Tokens, s.limits.Responses)
	if err != nil {
		return nil, err
	}
	out := make([][]kernels.Token, len(samples))
	done := 0.
	if progress == nil {
		progress = func(float64) {}
	}
	for _, p := range packs {
		if err := ctx.Err(); err != nil {
			return nil, fault.New(fault.Cancelled, "score", "", "stopped").WithCause(err)
		}
		part := func(share float64) { progress(done + share*float64(p.Samples)) }
		if err := s.step.Run(ctx, p, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, part); err != nil {
			return nil, err
		}
		tokens, err := s.step.Tokens(ctx, p.Responses())
		if err != nil {
			return nil, err
		}
		for i, t := range tokens {
			if !(t.LogpWith <= 0) {
				where, field := fmt.Sprintf("sample %d", p.Sample[i]), fmt.Sprintf("response token %d", p.Index[i])
				return nil, fault.New(fault.NaN, where, field, "the model gives log-probability %g", t.LogpWith).
					WithRemedy("the model or its adapter is damaged: use another one")
			}
			out[p.Sample[i]] = append(out[p.Sample[i]], t)
		}
		done += float64(p.Samples)
		progress(done)
	}
	return out, nil
}

// Loss is the mean of −log p over all response tokens with history, in nats, and the number of
// tokens.
func Loss(records [][]kernels.Token) (nats float64, tokens int) {
	for _, r := range records {
		for _, t := range r {
			nats -= float64(t.LogpWith)
			tokens++
		}
	}
	if tokens > 0 {
		nats /= float64(tokens)
	}
	return nats, tokens
}

// Free destroys the scorer's memory.
func (s *Scorer) Free() { s.step.Free() }
