package session

import (
	"context"
	"encoding/json"
	"slices"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/model"
	"nextquill/core/weights"
)

func init() { Register("explain", serveExplain) }

// explainJob is a request of "explain".
type explainJob struct{ api.ExplainParams }

func serveExplain(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	p := explainJob{api.ExplainParams{Item: -1}}
	if err := Decode(params, &p.ExplainParams); err != nil {
		return nil, err
	}
	var items []history.Item
	var item history.Item
	var all prompt
	var response []int32
	var samples []causal.Sample
	template := learntTemplate(ctx, env, p.Adapter, p.Template)
	m, data, err := openTask(ctx, env, p.Model, p.Adapter, p.Source, template, p.Retrieval, p.Loading, func(d *dataset, _ weights.Config) (n model.Needs, err error) {
		var at int
		if items, at, err = p.item(d); err != nil {
			return n, err
		}
		item = items[at]
		if all, err = d.prompt(items, item.Context, d.retrieve.Select(items, at, d.k)); err != nil {
			return n, err
		}
		if response, err = d.response(item.Text); err != nil {
			return n, err
		}
		samples = []causal.Sample{{With: all.with, Without: all.without, Response: response}}
		for i := range all.items {
			if !p.Influence {
				break
			}
			rest := append(append([]int{}, all.items[:i]...), all.items[i+1:]...)
			left, err := d.prompt(items, item.Context, rest)
			if err != nil {
				return n, err
			}
			samples = append(samples, causal.Sample{With: left.with, Without: left.without, Response: response})
		}
		return scoring(samples, true), nil
	})
	if err != nil {
		return nil, err
	}
	defer m.Free()
	records, err := score(ctx, env, m.Model, samples, true, "explain")
	if err != nil {
		return nil, err
	}
	r := api.ExplainResult{Text: item.Text}
	for _, f := range item.Context {
		r.Context = append(r.Context, api.Field{Name: f.Name, Value: f.Value})
	}
	for _, i := range all.items {
		r.Items = append(r.Items, items[i].Text)
	}
	stream := data.tok.Stream()
	for t, id := range response {
		rec := records[0][t]
		c := api.TokenCause{ID: id, Text: stream.Push(id), LogpWith: float64(rec.LogpWith), LogpWithout: float64(rec.LogpWithout), DCE: float64(rec.DCE)}
		if slices.Contains(data.layout.ends(), id) {
			c.Text = "⏎"
		}
		for i := range samples[1:] {
			c.Influence = append(c.Influence, float64(rec.LogpWith-records[1+i][t].LogpWith))
		}
		r.Tokens = append(r.Tokens, c)
	}
	return r, nil
}

// item gives the items, and the place among them of the text to explain.
func (p *explainJob) item(d *dataset) ([]history.Item, int, error) {
	if p.Item >= 0 {
		if p.Item >= len(d.items)-d.train {
			return nil, 0, fault.New(fault.OutOfRange, "explain", "item", "%d", p.Item).
				WithLimit("%d held-out items", len(d.items)-d.train)
		}
		return d.items, d.train + p.Item, nil
	}
	if p.Text == "" {
		return nil, 0, fault.New(fault.Missing, "explain", "text", "is empty").WithRemedy("give the text to explain")
	}
	items, at := history.WithQuery(d.items, fieldsOf(p.Context))
	items[at].Text = p.Text
	return items, at, nil
}
