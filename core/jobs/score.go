package jobs

import (
	"context"
	"math"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// scoreNeeds is the memory that score needs.
func scoreNeeds(samples []causal.Sample, dual bool) model.Needs {
	limits := train.Fit(samples, dual, api.DefaultTokenBudget, len(samples))
	return model.Needs{Steps: []model.StepSpec{train.ScoreSpec(limits, dual)}}
}

// score runs samples forward and returns a record per response token.
func score(ctx context.Context, env *engine.Env, m *model.Model, samples []causal.Sample, dual bool,
	stage string) ([][]kernels.Token, error) {
	s, err := train.NewScorer(m, train.Fit(samples, dual, api.DefaultTokenBudget, len(samples)), dual)
	if err != nil {
		return nil, err
	}
	defer s.Free()
	return s.Score(ctx, samples, stageProgress(env, stage, len(samples)))
}

// expertRecords scores samples under θ_D, the frozen adapter in folder dir, next to what trains on
// the same model. See pairRecords.
func expertRecords(ctx context.Context, m *engine.ModelRef, dir string, samples []causal.Sample, limits train.Limits,
	progress func(float64)) (out [][]float32, err error) {
	err = m.WithAdapter(ctx, dir, func() error {
		out, err = pairRecords(ctx, m.Model, samples, limits, progress)
		return err
	})
	return out, err
}

// pairRecords scores samples under m as it is. It returns [responses, 2] log-probabilities per
// sample: with the history and without.
func pairRecords(ctx context.Context, m *model.Model, samples []causal.Sample, limits train.Limits,
	progress func(float64)) ([][]float32, error) {
	scorer, err := train.NewScorer(m, limits, true)
	if err != nil {
		return nil, err
	}
	defer scorer.Free()
	records, err := scorer.Score(ctx, samples, progress)
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(records))
	for i, r := range records {
		for _, t := range r {
			out[i] = append(out[i], t.LogpWith, t.LogpWithout)
		}
	}
	return out, nil
}

// stageProgress reports the progress of a stage: each item, and in between at most every
// progressSpan. It ignores errors of Emit: a caller that is gone also cancels the method, which
// ends at its next pause.
func stageProgress(env *engine.Env, stage string, total int) func(done float64) {
	between := progressEvents(env, stage)
	return func(done float64) {
		if done != math.Trunc(done) {
			between(done, total)
			return
		}
		_ = env.Emit(api.StageEvent{Event: api.EventStage, Stage: stage, Done: int(done), Total: total})
	}
}

// progressSpan is the shortest time between two ProgressEvents.
const progressSpan = 250 * time.Millisecond

// progressEvents returns a function that emits ProgressEvents of a stage.
func progressEvents(env *engine.Env, stage string) func(done float64, total int) {
	last := env.Now()
	return func(done float64, total int) {
		if now := env.Now(); now.Sub(last) >= progressSpan {
			last = now
			_ = env.Emit(api.ProgressEvent{Event: api.EventProgress, Stage: stage, Done: done, Total: total})
		}
	}
}
