package session

import (
	"bytes"
	"context"
	"slices"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
)

// dataset is a writer's items and how they become token sequences.
type dataset struct {
	items    []history.Item // learn, then held out; oldest first
	train    int            // items[:train] are learnt from
	template history.Template
	layout   layout
	retrieve history.Retriever
	k        int
	tok      *tokenizer.Tokenizer

	maxPrompt, maxResponse int
}

// maxHistoryBlob bounds a history file; core/history bounds its items.
const maxHistoryBlob = 64 << 20

func readItems(ctx context.Context, env *Env, name string) ([]history.Item, error) {
	raw, err := blob.ReadAll(ctx, env.Blobs, name, maxHistoryBlob)
	if err != nil {
		return nil, err
	}
	return history.ReadJSONL(bytes.NewReader(raw), name, history.Limits{})
}

// openData reads the items of a source, splits them by time, and loads what
// makes prompts of them.
func openData(ctx context.Context, env *Env, modelDir string, src api.Source, template string, r api.Retrieval, cfg weights.Config) (*dataset, error) {
	d := &dataset{k: r.K}
	if d.k == 0 {
		d.k = 3
	}
	if d.k < 0 || d.k > 1000 {
		return nil, fault.New(fault.OutOfRange, "retrieval", "k", "%d", r.K).WithLimit("0 to 1000")
	}
	var err error
	switch r.Kind {
	case "", "latest":
		d.retrieve = history.LatestK{}
	case "bm25":
		d.retrieve = &history.BM25{}
	default:
		return nil, fault.New(fault.Unsupported, "retrieval", "kind", "%s", fault.Quote(r.Kind)).WithRemedy("use latest or bm25")
	}
	if d.tok, err = tokenizerOf(ctx, env, modelDir); err != nil {
		return nil, err
	}
	if d.tok.VocabSize() > cfg.VocabSize {
		return nil, fault.New(fault.Mismatch, modelDir, "vocabulary", "has %d tokens, the model %d", d.tok.VocabSize(), cfg.VocabSize).
			WithRemedy("use the tokenizer that belongs to the model")
	}
	if d.template, d.layout, err = openLayout(ctx, env, modelDir, template, d.tok, cfg); err != nil {
		return nil, err
	}
	if err := d.limits(r, cfg); err != nil {
		return nil, err
	}
	if src.History == "" {
		return d, nil
	}
	return d, d.load(ctx, env, src)
}

func (d *dataset) limits(r api.Retrieval, cfg weights.Config) error {
	d.maxResponse, d.maxPrompt = r.MaxResponse, r.MaxPrompt
	if d.maxResponse == 0 {
		d.maxResponse = max(1, cfg.MaxPositions/4)
	}
	if d.maxPrompt == 0 {
		d.maxPrompt = cfg.MaxPositions - d.maxResponse
	}
	if d.maxResponse < 1 || d.maxPrompt < 2 || d.maxPrompt+d.maxResponse > cfg.MaxPositions {
		return fault.New(fault.OutOfRange, "retrieval", "max_prompt, max_response", "%d and %d tokens", d.maxPrompt, d.maxResponse).
			WithLimit("the model's %d positions", cfg.MaxPositions)
	}
	return nil
}

func (d *dataset) load(ctx context.Context, env *Env, src api.Source) error {
	items, err := readItems(ctx, env, src.History)
	if err != nil {
		return err
	}
	var heldout []history.Item
	if src.Heldout != "" {
		if heldout, err = readItems(ctx, env, src.Heldout); err != nil {
			return err
		}
		items, heldout = history.Sorted(items), history.Sorted(heldout)
	} else {
		f := src.HeldoutFraction
		if f == 0 {
			f = .2
		}
		if items, heldout, err = history.SplitFraction(items, f); err != nil {
			return err
		}
	}
	if n := src.MaxItems; n > 0 && len(items) > n {
		items = items[len(items)-n:]
	}
	if n := src.MaxHeldout; n > 0 && len(heldout) > n {
		heldout = heldout[:n]
	}
	if len(items) == 0 {
		return fault.New(fault.Missing, src.History, "", "no item to learn from").WithRemedy("add at least one text of the writer")
	}
	d.train = len(items)
	d.items = append(append([]history.Item{}, items...), heldout...)
	return nil
}

// prompt is a tokenised prompt in both forms and the items in it.
type prompt struct {
	with, without []int32
	items         []int // places in dataset.items, oldest first
}

// prompt builds the prompts for a context. chosen are places in items, the best
// first; what does not fit is left out, the worst first, and a single item that
// is longer than the prompt is cut.
func (d *dataset) prompt(items []history.Item, context []history.Field, chosen []int) (prompt, error) {
	empty, _, err := d.layout.prompts(history.Segments{})
	if err != nil {
		return prompt{}, err
	}
	for limit := d.maxPrompt - len(empty); ; {
		s, kept, err := d.fit(items, context, chosen, limit)
		if err != nil {
			return prompt{}, err
		}
		p := prompt{items: kept}
		if p.with, p.without, err = d.layout.prompts(s); err != nil {
			return prompt{}, err
		}
		over := max(len(p.with), len(p.without)) - d.maxPrompt
		if over <= 0 {
			return p, nil
		}
		limit -= over // segments take more tokens together than apart
	}
}

// fit lays out as many of the chosen items as limit tokens hold.
func (d *dataset) fit(items []history.Item, context []history.Field, chosen []int, limit int) (history.Segments, []int, error) {
	encoder := plainLayout{tok: d.tok}
	for n := len(chosen); n > 1; n-- {
		kept := slices.Sorted(slices.Values(chosen[:n]))
		var picked []history.Item
		for _, i := range kept {
			picked = append(picked, items[i])
		}
		if s := d.template.Prompt(picked, context); s.Encode(encoder).Len() <= limit {
			return s, kept, nil
		}
	}
	kept := chosen[:min(1, len(chosen))]
	s, err := d.template.Fit(encoder, items, kept, context, limit)
	return s, kept, err
}

// sample tokenises item i as one training example. A response is cut at
// maxResponse tokens and then has no end token.
func (d *dataset) sample(i int, noHistory bool) (causal.Sample, error) {
	var chosen []int
	if !noHistory {
		chosen = d.retrieve.Select(d.items, i, d.k)
	}
	p, err := d.prompt(d.items, d.items[i].Context, chosen)
	if err != nil {
		return causal.Sample{}, err
	}
	y, err := d.response(d.items[i].Text)
	return causal.Sample{With: p.with, Without: p.without, Response: y}, err
}

func (d *dataset) response(text string) ([]int32, error) {
	ids, err := d.layout.response(text)
	return ids[:min(len(ids), d.maxResponse)], err
}

// samples tokenises items from..to; those whose context does not fit are left
// out and counted.
func (d *dataset) samples(ctx context.Context, env *Env, from, to int, noHistory bool) (out []causal.Sample, index []int, skipped int, err error) {
	for i := from; i < to; i++ {
		if err := env.Pause(ctx); err != nil {
			return nil, nil, 0, err
		}
		s, err := d.sample(i, noHistory)
		if fault.KindOf(err) == fault.TooLarge {
			skipped++
			continue
		}
		if err != nil {
			return nil, nil, 0, err
		}
		out = append(out, s)
		index = append(index, i)
	}
	return out, index, skipped, nil
}

func fieldsOf(fields []api.Field) []history.Field {
	out := make([]history.Field, len(fields))
	for i, f := range fields {
		out[i] = history.Field{Name: f.Name, Value: f.Value}
	}
	return out
}
