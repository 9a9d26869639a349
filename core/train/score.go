package train

import (
	"context"
	"fmt"

	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Limits bound micro-batches.
type Limits struct {
	Tokens    int // packed tokens
	Responses int // response tokens
	// SubmitFlops is the work of one submit, see gpu.Plan.Run.
	SubmitFlops float64
}

// Scorer runs samples forward and reads what the model gives their response
// tokens: for held-out loss, for the effects of a frozen θ_D, for explanations.
type Scorer struct {
	step   *model.Step
	limits Limits
}

// NewScorer compiles a forward plan for the adapter the model carries now. dual
// scores the erased branch too.
func NewScorer(m *model.Model, limits Limits, dual bool) (*Scorer, error) {
	step, err := m.NewStep(ScoreSpec(limits, dual))
	if err != nil {
		return nil, err
	}
	return &Scorer{step, limits}, nil
}

// ScoreSpec is the step of a Scorer.
func ScoreSpec(limits Limits, dual bool) model.StepSpec {
	o, _ := causal.Preset("contextsft")
	return model.StepSpec{MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: o, Dual: dual}
}

// StepSpecs are the steps that a training run on these samples has on the device: that
// which trains, and that which scores the held-out samples when there are any.
func (c Config) StepSpecs(samples, heldout []causal.Sample) []model.StepSpec {
	dual := c.Objective.Dual()
	limits := Fit(samples, dual, c.TokenBudget, c.BatchSize)
	out := []model.StepSpec{{
		MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: c.Objective,
		Dual: dual, Backward: true, Recompute: c.Recompute,
	}}
	if len(heldout) > 0 {
		out = append(out, ScoreSpec(Fit(heldout, false, c.TokenBudget, len(heldout)), false))
	}
	return out
}

// Score returns one record per response token of each sample. progress, which
// may be nil, is told how many samples are done.
func (s *Scorer) Score(ctx context.Context, samples []causal.Sample, progress func(done int)) ([][]kernels.Token, error) {
	packs, err := causal.MicroBatches(samples, s.step.Spec.Dual, s.limits.Tokens, s.limits.Responses)
	if err != nil {
		return nil, err
	}
	out := make([][]kernels.Token, len(samples))
	done := 0
	for _, p := range packs {
		if err := ctx.Err(); err != nil {
			return nil, fault.New(fault.Cancelled, "score", "", "stopped").WithCause(err)
		}
		if err := s.step.Run(ctx, p, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, s.limits.SubmitFlops); err != nil {
			return nil, err
		}
		tokens, err := s.step.Tokens(ctx, p.Responses())
		if err != nil {
			return nil, err
		}
		for i, t := range tokens {
			if !(t.LogpWith <= 0) {
				return nil, fault.New(fault.NaN, fmt.Sprintf("sample %d", p.Sample[i]), fmt.Sprintf("response token %d", p.Index[i]),
					"the model gives it log-probability %g", t.LogpWith).WithRemedy("the model or its adapter is damaged: use another one")
			}
			out[p.Sample[i]] = append(out[p.Sample[i]], t)
		}
		done += p.Samples
		if progress != nil {
			progress(done)
		}
	}
	return out, nil
}

// Loss is the mean of −log p over all response tokens with history, in nats,
// and their number.
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

// Fit returns limits that hold every sample, and as many of them at once as
// tokenBudget packed tokens allow.
func Fit(samples []causal.Sample, dual bool, tokenBudget, batch int) Limits {
	var tokens, responses int
	var all int
	for _, s := range samples {
		tokens = max(tokens, s.Tokens(dual))
		responses = max(responses, len(s.Response))
		all += s.Tokens(dual)
	}
	l := Limits{Tokens: max(tokens, min(tokenBudget, tokens*batch, all))}
	l.Responses = min(l.Tokens, responses*max(1, min(batch, len(samples))))
	return l
}
