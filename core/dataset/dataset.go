package dataset

import (
	"bytes"
	"context"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
)

// Dataset is a writer's items, and how they become token sequences. Open makes one.
type Dataset struct {
	Items     []history.Item // the training items, then the held-out ones, oldest first
	Train     int            // Items[:Train] are trained on
	Template  history.Template
	Tokenizer *tokenizer.Tokenizer
	// MaxPrompt and MaxResponse limit the tokens of a sample.
	MaxPrompt, MaxResponse int

	layout    layout
	retriever history.Retriever
	k         int // items in a prompt
	fixed     int // tokens of the prompt without any text, 0 before fixedTokens
}

// Model is what a data set has to know of a model.
type Model struct {
	Dir       string // folder of the model
	Config    weights.Config
	Tokenizer *tokenizer.Tokenizer
}

// maxHistoryBlob bounds a history file in bytes; core/history bounds its items.
const maxHistoryBlob = 64 << 20

func readItems(ctx context.Context, store blob.Store, name string) ([]history.Item, error) {
	raw, err := blob.ReadAll(ctx, store, name, maxHistoryBlob)
	if err != nil {
		return nil, err
	}
	return history.ReadJSONL(bytes.NewReader(raw), name, history.Limits{})
}

// Open reads the items of a source, splits them by time, and prepares the layout of prompts.
// A source without a History gives a data set without items, for conversations and single requests.
func Open(ctx context.Context, store blob.Store, m Model, src api.Source, template string,
	r api.Retrieval) (*Dataset, error) {
	d := &Dataset{k: api.Or(r.K, 3), Tokenizer: m.Tokenizer}
	switch r.Kind {
	case "", api.RetrievalLatest:
		d.retriever = history.LatestK{}
	case api.RetrievalBM25:
		d.retriever = &history.BM25{}
	default:
		return nil, fault.New(fault.Unsupported, "retrieval", "kind", "%s", fault.Quote(r.Kind)).
			WithRemedy("use latest or bm25")
	}
	if d.Tokenizer.VocabSize() > m.Config.VocabSize {
		return nil, fault.New(fault.Mismatch, m.Dir, "vocabulary", "has %d tokens, the model %d",
			d.Tokenizer.VocabSize(), m.Config.VocabSize).WithRemedy("use the tokenizer that belongs to the model")
	}
	var err error
	if d.Template, d.layout, err = openLayout(ctx, store, m, template); err != nil {
		return nil, err
	}
	if err := d.setLimits(r, m.Config); err != nil {
		return nil, err
	}
	if src.History == "" {
		return d, nil
	}
	return d, d.load(ctx, store, src)
}

// setLimits derives the limits of a sample from the request and the context length of the model.
func (d *Dataset) setLimits(r api.Retrieval, cfg weights.Config) error {
	d.MaxResponse = api.Or(r.MaxResponse, max(1, cfg.MaxPositions/4))
	d.MaxPrompt = api.Or(r.MaxPrompt, cfg.MaxPositions-d.MaxResponse)
	if d.MaxResponse < 1 || d.MaxPrompt < 2 || d.MaxPrompt+d.MaxResponse > cfg.MaxPositions {
		return fault.New(fault.OutOfRange, "retrieval", "max_prompt, max_response", "%d and %d tokens",
			d.MaxPrompt, d.MaxResponse).WithLimit("the model's %d positions", cfg.MaxPositions)
	}
	return nil
}

// load reads and splits the items.
func (d *Dataset) load(ctx context.Context, store blob.Store, src api.Source) error {
	items, err := readItems(ctx, store, src.History)
	if err != nil {
		return err
	}
	var heldout []history.Item
	if src.Heldout != "" {
		if heldout, err = readItems(ctx, store, src.Heldout); err != nil {
			return err
		}
		items, heldout = history.Sorted(items), history.Sorted(heldout)
	} else {
		if items, heldout, err = history.SplitFraction(items, api.Or(src.HeldoutFraction, .2)); err != nil {
			return err
		}
	}
	if n := api.Or(src.MaxItems, len(items)); len(items) > n {
		items = items[len(items)-n:]
	}
	if n := api.Or(src.MaxHeldout, len(heldout)); len(heldout) > n {
		heldout = heldout[:n]
	}
	if len(items) == 0 {
		return fault.New(fault.Missing, src.History, "", "no item to train on").
			WithRemedy("add at least one text of the writer")
	}
	d.Train = len(items)
	d.Items = append(append([]history.Item{}, items...), heldout...)
	return nil
}

// Heldout is the number of held-out items.
func (d *Dataset) Heldout() int { return len(d.Items) - d.Train }

// Sample encodes item i as one training example. A response is cut at MaxResponse tokens, and then
// has no end token.
func (d *Dataset) Sample(i int, noHistory bool) (causal.Sample, error) {
	var chosen []int
	if !noHistory {
		chosen = d.Select(d.Items, i)
	}
	p, err := d.Prompt(d.Items, d.Items[i].Context, chosen)
	if err != nil {
		return causal.Sample{}, err
	}
	y, err := d.Response(d.Items[i].Text)
	return causal.Sample{With: p.With, Without: p.Without, Response: y}, err
}

// Samples are encoded items, with the index of each in Dataset.Items.
type Samples struct {
	Samples []causal.Sample
	Index   []int
	Skipped int // items whose context does not fit
}

// Samples encodes the items from..to. Items whose context does not fit are skipped and counted.
// pause is called between items; its error ends the work.
func (d *Dataset) Samples(ctx context.Context, pause func(context.Context) error, from, to int,
	noHistory bool) (Samples, error) {
	var out Samples
	for i := from; i < to; i++ {
		if err := pause(ctx); err != nil {
			return Samples{}, err
		}
		s, err := d.Sample(i, noHistory)
		if fault.KindOf(err) == fault.TooLarge {
			out.Skipped++
			continue
		}
		if err != nil {
			return Samples{}, err
		}
		out.Samples = append(out.Samples, s)
		out.Index = append(out.Index, i)
	}
	return out, nil
}
