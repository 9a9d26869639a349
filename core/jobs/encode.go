package jobs

import (
	"context"

	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/model"
)

// encodeBudget is the number of tokens of a micro-batch, except for a single longer sample.
const encodeBudget = 2048

// encodeNeeds is the size of an encoder for samples, for model.Needs.
func encodeNeeds(samples []causal.Sample) int {
	budget := encodeBudget
	for _, s := range samples {
		budget = max(budget, s.Tokens(false))
	}
	return budget
}

// encodeSamples computes the final hidden states that predict the response tokens of samples, by
// the branch with history. f receives those of each micro-batch, [response tokens, hidden size], in
// the order of the samples.
func encodeSamples(ctx context.Context, env *engine.Env, m *model.Model, samples []causal.Sample, stage string,
	f func(p *causal.Packed, states []float32)) error {
	budget := encodeNeeds(samples)
	packs, err := causal.MicroBatches(samples, false, budget, budget)
	if err != nil {
		return err
	}
	e, err := m.NewEncoder(budget)
	if err != nil {
		return err
	}
	defer e.Free()
	progress := stageProgress(env, stage, len(samples))
	done := 0
	for _, p := range packs {
		if err := env.Pause(ctx); err != nil {
			return err
		}
		begun := float64(done)
		states, err := e.Run(ctx, p, func(share float64) { progress(begun + share*float64(p.Samples)) })
		if err != nil {
			return err
		}
		f(p, states)
		done += p.Samples
		progress(float64(done))
	}
	return nil
}
