package jobs

import (
	"context"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/train"
	"nextquill/core/weights"
)

// heldoutSamples encodes the held-out items.
func heldoutSamples(ctx context.Context, env *engine.Env, d *dataset.Dataset, noHistory bool) (dataset.Samples,
	error) {
	s, err := d.Samples(ctx, env.Pause, d.Train, len(d.Items), noHistory)
	s.Counts.Copies = d.Copies
	return s, err
}

// none says why no text is left.
func none(n api.TextCounts) string {
	if n.Copies+n.Skipped == 0 {
		return "there are none"
	}
	return fmt.Sprintf("there are none: left out are %d copies of training texts, and %d texts with a long context",
		n.Copies, n.Skipped)
}

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
		if heldout, err = heldoutSamples(ctx, env, d, p.NoHistory); err != nil {
			return n, err
		}
		if len(heldout.Samples) == 0 {
			return n, fault.New(fault.Missing, "evaluate", "held-out items", "%s", none(heldout.Counts)).
				WithRemedy("name a held-out file, or add other items")
		}
		return points.needs(heldout.Samples), env.Emit(
			api.TextsEvent{Event: api.EventTexts, Heldout: heldout.Counts})
	}
	template := env.TrainedTemplate(ctx, p.Adapter, p.Template)
	m, err := openInference(ctx, env, p.Inference, template, prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	records, err := points.score(ctx, env, m, heldout, api.StageEvaluate)
	if err != nil {
		return nil, err
	}
	r := api.EvaluateResult{Texts: heldout.Counts}
	r.Loss, r.Tokens = train.Loss(records.Tokens)
	texts, scores := heldout.Texts(), dataset.Join(heldout.Index, records.Points)
	for i, tokens := range dataset.Join(heldout.Index, records.Tokens) {
		one := api.ItemLoss{Item: texts[i] - m.data.Train, Tokens: len(tokens), Points: points.results(scores[i])}
		for _, t := range tokens {
			one.Nats -= float64(t.LogpWith)
		}
		r.Items = append(r.Items, one)
	}
	return r, nil
}
