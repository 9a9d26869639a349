package jobs

import (
	"context"
	"slices"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/weights"
)

// explainJob is a request of "explain" with what is derived from it.
type explainJob struct {
	request api.ExplainParams
	items   []history.Item // including the text to explain
	text    history.Item
	encoded dataset.Text
	// samples are the windows of the text with all retrieved items, then with each of them left
	// out. index numbers these versions of the text.
	samples []causal.Sample
	index   []int
}

// explain computes the data-side causal effect of each token of a text.
func explain(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &explainJob{request: api.ExplainParams{Item: -1}}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	prepare := func(d *dataset.Dataset, _ weights.Config) (model.Needs, error) {
		if err := j.prepare(d); err != nil {
			return model.Needs{}, err
		}
		return scoreNeeds(j.samples, true), nil
	}
	p := j.request.Inference
	p.Datastore = api.DatastoreNone // the effects are those of the history in the prompt
	m, err := openInference(ctx, env, p, env.TrainedTemplate(ctx, p.Adapter, p.Template), prepare)
	if err != nil {
		return nil, err
	}
	defer m.Free()
	records, err := score(ctx, env, m.Model, j.samples, true, api.StageExplain)
	if err != nil {
		return nil, err
	}
	r := api.ExplainResult{Text: j.text.Text}
	for _, f := range j.text.Context {
		r.Context = append(r.Context, api.Field(f))
	}
	for _, i := range j.encoded.Prompt.Items {
		r.Items = append(r.Items, j.items[i].Text)
	}
	versions := dataset.Join(j.index, records)
	stream := m.data.Tokenizer.Stream()
	for t, id := range j.encoded.Response {
		rec := versions[0][t]
		c := api.TokenCause{
			ID: id, Text: stream.Push(id),
			LogpWith: float64(rec.LogpWith), LogpWithout: float64(rec.LogpWithout), DCE: float64(rec.DCE),
		}
		if slices.Contains(m.data.Ends(), id) {
			c.Text = "⏎"
		}
		for _, other := range versions[1:] {
			c.Influence = append(c.Influence, float64(rec.LogpWith-other[t].LogpWith))
		}
		r.Tokens = append(r.Tokens, c)
	}
	return r, nil
}

// prepare encodes the text with its prompts.
func (j *explainJob) prepare(d *dataset.Dataset) error {
	items, at, err := j.find(d)
	if err != nil {
		return err
	}
	j.items, j.text = items, items[at]
	if j.encoded, err = d.Text(items, at, d.Select(items, at)); err != nil {
		return err
	}
	j.add(j.encoded.Prompt)
	if !j.request.Influence {
		return nil
	}
	for i := range j.encoded.Prompt.Items {
		rest := slices.Delete(slices.Clone(j.encoded.Prompt.Items), i, i+1)
		p, err := d.Prompt(items, j.text.Context, rest)
		if err != nil {
			return err
		}
		j.add(p)
	}
	return nil
}

// add adds the windows of the text after a prompt.
func (j *explainJob) add(p dataset.Prompt) {
	version := 0
	if n := len(j.index); n > 0 {
		version = j.index[n-1] + 1
	}
	for _, s := range j.encoded.Windows(p) {
		j.samples = append(j.samples, s)
		j.index = append(j.index, version)
	}
}

// find returns the items, and the place among them of the text to explain.
func (j *explainJob) find(d *dataset.Dataset) ([]history.Item, int, error) {
	p := &j.request
	if p.Item >= 0 {
		if p.Item >= d.Heldout() {
			return nil, 0, fault.New(fault.OutOfRange, "explain", "item", "%d", p.Item).
				WithLimit("%d held-out items", d.Heldout())
		}
		return d.Items, d.Train + p.Item, nil
	}
	if p.Text == "" {
		return nil, 0, fault.New(fault.Missing, "explain", "text", "is empty").WithRemedy("give the text to explain")
	}
	items, at := history.WithQuery(d.Items, dataset.Fields(p.Context))
	items[at].Text = p.Text
	return items, at, nil
}
