package method

import (
	"context"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/metric/overlap"
)

// drafts writes a text for the requests of the first test texts, with the history before each. A
// request that does not fit the prompt gives no draft.
func (r *run) drafts(ctx context.Context, steering float64) ([]Draft, error) {
	var out []Draft
	earlier, texts := r.texts(test)
	count := min(r.o.Drafts, len(texts))
	for i, it := range texts[:max(0, count)] {
		before := earlier
		if !r.foreign(test) {
			before = append(before[:len(before):len(before)], texts[:i]...)
		}
		d, err := r.consensus(ctx, before, it, steering, uint32(i))
		if fault.KindOf(err) == fault.TooLarge {
			continue
		}
		if err != nil {
			return out, err
		}
		d.Index = i
		out = append(out, d)
		r.on(Progress{Stage: "write", Done: i + 1, Total: count})
	}
	return out, r.match(ctx, out)
}

// consensus writes the texts of a draft and returns the one that is most like the others. With
// equal likeness the first is taken.
func (r *run) consensus(ctx context.Context, earlier []history.Item, it history.Item, steering float64, seed uint32) (
	Draft, error) {
	count := max(1, r.o.Consensus)
	var all []Draft
	for k := range count {
		d, err := r.draft(ctx, earlier, it, steering, seed*uint32(count)+uint32(k))
		if err != nil {
			return Draft{}, err
		}
		r.cost.Written += d.Tokens
		all = append(all, d)
	}
	best, most := 0, -1.
	for i, a := range all {
		sum := 0.
		for j, b := range all {
			if i != j {
				sum += overlap.NewROUGE(a.Text, b.Text).L.F1
			}
		}
		if sum > most {
			best, most = i, sum
		}
	}
	return all[best], nil
}

// draft writes one text.
func (r *run) draft(ctx context.Context, earlier []history.Item, it history.Item, steering float64, seed uint32) (
	Draft, error) {
	retrieval := r.retrieval()
	if r.vectors != nil {
		list, err := r.rank(earlier, it)
		if err != nil {
			return Draft{}, err
		}
		if retrieval, err = r.writeLists(ctx, "list.json", map[string][]string{"query": list}); err != nil {
			return Draft{}, err
		}
	}
	// Without held-out items, all of them are the history of a text that is yet to be written.
	name, err := r.put(ctx, "history.jsonl", earlier)
	if err != nil {
		return Draft{}, err
	}
	p := api.WriteParams{
		Inference: api.Inference{
			Loading: r.o.Loading, Model: r.model, Adapter: r.adapter, Source: api.Source{History: name},
			Template: r.o.Template, Retrieval: retrieval, Datastore: r.datastore[test],
		},
		NoHistory: r.NoHistory, Context: fields(it.Context), Sampling: r.o.Sampling,
	}
	p.Sampling.Seed += seed
	p.Sampling.Steer = steering - 1 // z^0 + s·(z^h − z^0) = z^h + (s − 1)·(z^h − z^0)
	var w api.WriteResult
	if err := r.call(ctx, "write", api.MethodWrite, p, &w); err != nil {
		return Draft{}, err
	}
	var prompt []string
	for _, f := range it.Context {
		prompt = append(prompt, f.Name+": "+f.Value)
	}
	return Draft{Prompt: strings.Join(prompt, "\n"), Text: strings.TrimSpace(w.Text), Tokens: w.Tokens,
		Ended: w.Stopped == api.StoppedEOS}, nil
}

func fields(in []history.Field) []api.Field {
	out := make([]api.Field, len(in))
	for i, f := range in {
		out[i] = api.Field(f)
	}
	return out
}
