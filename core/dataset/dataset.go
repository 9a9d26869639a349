package dataset

import (
	"bytes"
	"context"

	"nextquill/core/api"
	"nextquill/core/blob"
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
	// MaxPrompt is the largest prompt, in tokens, and MaxResponse what remains after it. Together
	// they are the window: the length of the longest sequence.
	MaxPrompt, MaxResponse int
	// Copies is the number of held-out items that were left out because a training item has the
	// same text.
	Copies int

	layout    layout
	retriever history.Retriever
	k         int                    // items in a prompt
	fixed     int                    // tokens of the prompt without any text, 0 before fixedTokens
	equal     map[history.Digest]int // number of Items with a text
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
// A source without files gives a data set without items, for conversations and single requests; one
// with held-out items only is for testing without history.
func Open(ctx context.Context, store blob.Store, m Model, src api.Source, template string,
	r api.Retrieval) (*Dataset, error) {
	d := &Dataset{k: api.Or(r.K, 3), Tokenizer: m.Tokenizer}
	var err error
	if d.retriever, err = openRetriever(ctx, store, r); err != nil {
		return nil, err
	}
	if d.Tokenizer.VocabSize() > m.Config.VocabSize {
		return nil, fault.New(fault.Mismatch, m.Dir, "vocabulary", "has %d tokens, the model %d",
			d.Tokenizer.VocabSize(), m.Config.VocabSize).WithRemedy("use the tokenizer that belongs to the model")
	}
	if d.Template, d.layout, err = openLayout(ctx, store, m, template); err != nil {
		return nil, err
	}
	if err := d.setLimits(r, m.Config); err != nil {
		return nil, err
	}
	if src.History == "" && src.Heldout == "" {
		return d, nil
	}
	if err := d.load(ctx, store, src); err != nil {
		return nil, err
	}
	if l, ok := d.retriever.(history.Listed); ok {
		return d, l.Check(r.Lists, d.Items)
	}
	return d, nil
}

// openRetriever returns the retriever of a request.
func openRetriever(ctx context.Context, store blob.Store, r api.Retrieval) (history.Retriever, error) {
	if (r.Kind == api.RetrievalListed) != (r.Lists != "") {
		return nil, fault.New(fault.Mismatch, "retrieval", "lists", "%s with the kind %s", fault.Quote(r.Lists),
			fault.Quote(r.Kind)).WithRemedy("set lists with the kind %s, and with no other", api.RetrievalListed)
	}
	switch r.Kind {
	case "", api.RetrievalLatest:
		return history.LatestK{}, nil
	case api.RetrievalBM25:
		return &history.BM25{}, nil
	case api.RetrievalListed:
		raw, err := blob.ReadAll(ctx, store, r.Lists, maxHistoryBlob)
		if err != nil {
			return nil, err
		}
		return history.ReadListed(r.Lists, raw)
	}
	return nil, fault.New(fault.Unsupported, "retrieval", "kind", "%s", fault.Quote(r.Kind)).
		WithRemedy("use latest, bm25 or listed")
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

// read reads the training and the held-out items of a source, oldest first.
func read(ctx context.Context, store blob.Store, src api.Source) (items, heldout []history.Item, err error) {
	if src.History != "" {
		if items, err = readItems(ctx, store, src.History); err != nil {
			return nil, nil, err
		}
	}
	if src.Heldout == "" {
		return history.SplitFraction(items, api.Or(src.HeldoutFraction, .2))
	}
	heldout, err = readItems(ctx, store, src.Heldout)
	return history.Sorted(items), history.Sorted(heldout), err
}

// load reads and splits the items. A held-out item with the text of a training item is left out:
// the model would be tested on what it was trained on.
func (d *Dataset) load(ctx context.Context, store blob.Store, src api.Source) error {
	items, heldout, err := read(ctx, store, src)
	if err != nil {
		return err
	}
	if n := api.Or(src.MaxItems, len(items)); len(items) > n {
		items = items[len(items)-n:]
	}
	heldout, d.Copies = history.Unseen(items, heldout)
	if n := api.Or(src.MaxHeldout, len(heldout)); len(heldout) > n {
		heldout = heldout[:n]
	}
	if len(items) == 0 && src.History != "" {
		return fault.New(fault.Missing, src.History, "", "no item to train on").
			WithRemedy("add at least one text of the writer")
	}
	d.Train = len(items)
	d.Items = append(append([]history.Item{}, items...), heldout...)
	d.equal = make(map[history.Digest]int, len(d.Items))
	for _, it := range d.Items {
		d.equal[history.TextDigest(it.Text)]++
	}
	return nil
}

// Heldout is the number of held-out items.
func (d *Dataset) Heldout() int { return len(d.Items) - d.Train }
