package session

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
)

func init() { Register("evaluate", serveEvaluate) }

func serveEvaluate(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p api.EvaluateParams
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	var samples []causal.Sample
	var index []int
	template := learntTemplate(ctx, env, p.Adapter, p.Template)
	m, data, err := openTask(ctx, env, p.Model, p.Adapter, p.Source, template, p.Retrieval, p.Loading, func(d *dataset, _ weights.Config) (n model.Needs, err error) {
		if samples, index, _, err = d.samples(ctx, env, d.train, len(d.items), p.NoHistory); err != nil {
			return n, err
		}
		if len(samples) == 0 {
			return n, fault.New(fault.Missing, "evaluate", "held-out items", "there are none").
				WithRemedy("name a held-out file, or add more items")
		}
		return scoring(samples, false), nil
	})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	records, err := score(ctx, env, m.Model, samples, false, "evaluate")
	if err != nil {
		return nil, err
	}
	r := api.EvaluateResult{}
	r.Loss, r.Tokens = train.Loss(records)
	for i, tokens := range records {
		one := api.ItemLoss{Item: index[i] - data.train, Tokens: len(tokens)}
		for _, t := range tokens {
			one.Nats -= float64(t.LogpWith)
		}
		r.Items = append(r.Items, one)
	}
	return r, nil
}

// score runs samples through the model as it is.
func score(ctx context.Context, env *Env, m *model.Model, samples []causal.Sample, dual bool, stage string) ([][]kernels.Token, error) {
	limits := train.Fit(samples, dual, api.DefaultTokenBudget, len(samples))
	limits.SubmitFlops = submitFlops(env.GPU.Info())
	s, err := train.NewScorer(m, limits, dual)
	if err != nil {
		return nil, err
	}
	defer s.Free()
	return s.Score(ctx, samples, stageProgress(env, stage, len(samples)))
}
