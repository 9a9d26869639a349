package train

import (
	"nextquill/core/causal"
	"nextquill/core/model"
)

// Limits bound micro-batches.
type Limits struct {
	Tokens    int // packed tokens
	Responses int // response tokens
}

// Fit returns limits that hold each of the samples, and as many of a batch as tokenBudget packed
// tokens allow. dual counts the branch without history too.
func Fit(samples []causal.Sample, dual bool, tokenBudget, batch int) Limits {
	var longest, longestResponse, total int
	for _, s := range samples {
		n := s.Tokens(dual)
		longest, total = max(longest, n), total+n
		longestResponse = max(longestResponse, len(s.Response))
	}
	l := Limits{Tokens: max(longest, min(tokenBudget, longest*batch, total))}
	l.Responses = min(l.Tokens, longestResponse*max(1, min(batch, len(samples))))
	return l
}

// ScoreSpec is the forward pass of a Scorer.
func ScoreSpec(limits Limits, dual bool) model.StepSpec {
	o, _ := causal.Preset("contextsft")
	return model.StepSpec{MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: o, Dual: dual}
}

// StepSpecs are the passes that a run on these samples keeps on the device: the training step, and
// the scorer of the held-out samples when there are any.
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
