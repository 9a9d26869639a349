package jobs

import (
	"context"
	"fmt"
	"math"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// pointSpec is the mixtures of the branches that a request scores.
type pointSpec struct {
	points []kernels.Point
	dual   bool // whether the branch without history is needed
}

// newPointSpec checks the points of a request. Without history there is nothing to steer.
func newPointSpec(points []api.Point, noHistory bool) (pointSpec, error) {
	var s pointSpec
	if len(points) > api.MaxPoints {
		return s, fault.New(fault.TooLarge, "evaluate", "points", "%d of them", len(points)).
			WithLimit("%d", api.MaxPoints)
	}
	for i, p := range points {
		field := fmt.Sprintf("points[%d]", i)
		if err := api.CheckRanges(field, p); err != nil {
			return s, err
		}
		if noHistory && p.Steer != 1 {
			return s, fault.New(fault.Mismatch, "evaluate", field, "steers without history").
				WithRemedy("set steer to 1, or leave no_history out")
		}
		s.dual = s.dual || p.Steer != 1
		s.points = append(s.points, kernels.Point{Steer: float32(p.Steer), Temperature: float32(p.Temperature)})
	}
	return s, nil
}

// needs is the memory that score needs.
func (s pointSpec) needs(samples []causal.Sample) model.Needs {
	n := scoreNeeds(samples, s.dual)
	n.Steps[0].Points = s.points
	return n
}

// score runs samples forward and returns the records of each response token, with those of the
// datastore mixed in if there is one.
func (s pointSpec) score(ctx context.Context, env *engine.Env, m *inference, samples dataset.Samples,
	stage string) (train.Scores, error) {
	n := len(samples.Samples)
	limits := train.Fit(samples.Samples, s.dual, api.DefaultTokenBudget, n)
	scorer, err := train.NewPointScorer(m.Model, limits, s.dual, s.points, m.datastore)
	if err != nil {
		return train.Scores{}, err
	}
	defer scorer.Free()
	r, err := scorer.ScorePoints(ctx, samples.Samples, stageProgress(env, stage, n))
	if err != nil || m.datastore == nil {
		return r, err
	}
	shares, err := m.shares(samples, r)
	if err != nil {
		return r, err
	}
	mix(r, s.points, shares)
	return r, nil
}

// results gathers the scores of a response, [tokens][points], by point.
func (s pointSpec) results(tokens [][]kernels.PointScore) []api.PointScore {
	out := make([]api.PointScore, len(s.points))
	for _, t := range tokens {
		for i, p := range t {
			out[i].Logp = append(out[i].Logp, math.Round(1e6*float64(p.Logp))/1e6)
			if p.Margin >= 0 {
				out[i].Correct++
			}
		}
	}
	return out
}
