package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/train"
	"nextquill/core/weights"
)

// evaluate computes the loss on the held-out items.
func evaluate(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.EvaluateParams
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	points, err := newPointSpec(p.Points, p.NoHistory)
	if err != nil {
		return nil, err
	}
	var heldout dataset.Samples
	prepare := func(d *dataset.Dataset, _ weights.Config) (n model.Needs, err error) {
		if heldout, err = d.Samples(ctx, env.Pause, d.Train, len(d.Items), p.NoHistory); err != nil {
			return n, err
		}
		if len(heldout.Samples) == 0 {
			return n, fault.New(fault.Missing, "evaluate", "held-out items", "there are none").
				WithRemedy("name a held-out file, or add more items")
		}
		return points.needs(heldout.Samples), nil
	}
	template := env.TrainedTemplate(ctx, p.Adapter, p.Template)
	m, data, err := openInference(ctx, env, p.Inference, template, prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	records, err := points.score(ctx, env, m.Model, heldout.Samples, api.StageEvaluate)
	if err != nil {
		return nil, err
	}
	r := api.EvaluateResult{}
	r.Loss, r.Tokens = train.Loss(records.Tokens)
	for i, tokens := range records.Tokens {
		one := api.ItemLoss{Item: heldout.Index[i] - data.Train, Tokens: len(tokens),
			Points: points.results(records.Points[i])}
		for _, t := range tokens {
			one.Nats -= float64(t.LogpWith)
		}
		r.Items = append(r.Items, one)
	}
	return r, nil
}
