package method

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// run is one application of a method to one user.
type run struct {
	Method
	e    Engine
	u    User
	o    Options
	on   func(Progress)
	cost Cost

	model   string // folder of the model below the adapter
	adapter string // folder of the adapter, or ""
	// datastore is that for each part, if it is not the one in the folder of the adapter.
	datastore [2]string
	share     float64 // of the datastore that was written last
	// summary is a field with the summary of the history for each validation text and each test
	// text; nil without one.
	summary [2]*history.Field
	vectors *vectors // for RetrievalDense
	plain   bool     // whether the model has no chat template, as summarizing found
}

// Run applies the method to one user. on, which may be nil, receives the progress.
func (m Method) Run(ctx context.Context, e Engine, u User, o Options, on func(Progress)) (Cell, error) {
	r, err := m.start(e, u, o, on)
	if err != nil {
		return Cell{}, err
	}
	begun := r.o.Seconds()
	if err := r.fit(ctx); err != nil {
		return Cell{}, err
	}
	if r.foreign(test) {
		if err := r.remember(ctx, test); err != nil {
			return Cell{}, err
		}
	}
	if err := r.prepare(ctx); err != nil {
		return Cell{}, err
	}
	if r.o.Preference == nil {
		if r.o.Preference, err = Preferences(ctx, e, u, o, on); err != nil {
			return Cell{}, err
		}
	}
	cell := Cell{Method: m.Name, User: u.ID, Regime: r.o.Regime, Adapter: r.adapter, Model: r.model, Share: r.share}
	if err := r.score(ctx, &cell); err != nil {
		return cell, err
	}
	if cell.Drafts, err = r.drafts(ctx, cell.Steering); err != nil {
		return cell, err
	}
	r.cost.Seconds = r.o.Seconds() - begun
	if r.o.Trained != nil && m.Trains() {
		r.cost.Seconds += r.cost.TrainSeconds // as if it had trained
	}
	cell.Cost = r.cost
	return cell, nil
}

// start checks the request and fills in defaults.
func (m Method) start(e Engine, u User, o Options, on func(Progress)) (*run, error) {
	if err := u.Check(); err != nil {
		return nil, err
	}
	o.Regime = cmp.Or(o.Regime, Personal)
	if !m.Supports(o.Regime) {
		return nil, fault.New(fault.Unsupported, "method "+m.Name, "regime", "%s", fault.Quote(string(o.Regime))).
			WithRemedy("use one of %v", m.Regimes)
	}
	if o.Consensus > 1 && o.Sampling.Temperature == 0 {
		return nil, fault.New(fault.Mismatch, "method", "consensus", "needs drafts that differ").
			WithRemedy("set a temperature above 0")
	}
	if o.Seconds == nil {
		begun := time.Now()
		o.Seconds = func() float64 { return time.Since(begun).Seconds() }
	}
	if on == nil {
		on = func(Progress) {}
	}
	r := &run{Method: m, e: e, u: u, o: o, on: on, model: o.Model}
	if m.Summarized {
		r.o.Retrieval.K = new(summaryLatest)
	}
	return r, nil
}

// prepare computes what the prompts need before any of them is laid out.
func (r *run) prepare(ctx context.Context) error {
	if r.Summarized {
		return r.summarize(ctx)
	}
	if r.Retrieval == RetrievalDense {
		var err error
		r.vectors, err = r.embed(ctx)
		return err
	}
	return nil
}

// call calls a method of the core and reports the progress of its stages.
func (r *run) call(ctx context.Context, stage, method string, params, result any) error {
	return r.e.Call(ctx, method, params, result, func(name string, raw json.RawMessage) {
		switch name {
		case api.EventStage:
			var s api.StageEvent
			if json.Unmarshal(raw, &s) == nil && s.Total > 0 {
				r.on(Progress{Stage: stage, Done: s.Done, Total: s.Total})
			}
		case api.EventStep:
			var s api.StepEvent
			if json.Unmarshal(raw, &s) == nil {
				r.on(Progress{Stage: stage, Done: s.Step, Total: s.Steps})
			}
		}
	})
}

// folder is the name of a file or folder of this run.
func (r *run) folder(name string) string { return blob.Join(r.e.Dir, name) }

// put writes items as a blob and returns its name.
func (r *run) put(ctx context.Context, name string, items []history.Item) (string, error) {
	var b bytes.Buffer
	if err := history.WriteJSONL(&b, items); err != nil {
		return "", err
	}
	name = r.folder(name)
	return name, r.e.Blobs.Write(ctx, name, b.Bytes())
}

// source writes the items of a source.
func (r *run) source(ctx context.Context, earlier, heldout []history.Item) (s api.Source, err error) {
	if s.History, err = r.put(ctx, "history.jsonl", earlier); err == nil {
		s.Heldout, err = r.put(ctx, "heldout.jsonl", heldout)
	}
	return s, err
}

// retrieval is the retrieval of the method, for calls that need no ranking of the caller's.
func (r *run) retrieval() api.Retrieval {
	out := r.o.Retrieval
	if r.Retrieval != "" {
		out.Kind = r.Retrieval
	}
	return out
}

// kept is the number of items in a prompt.
func (r *run) kept() int { return api.Or(r.o.Retrieval.K, defaultK) }

// defaultK is the number of items in a prompt if api.Retrieval.K is not set.
const defaultK = 3

// parts are the two sets of texts that are scored.
type part int

const (
	validation part = iota
	test
)

func (p part) String() string { return [...]string{"validation", "test"}[p] }

// texts returns the texts of a part, and the history before them.
func (r *run) texts(p part) (earlier, texts []history.Item) {
	switch {
	case p == validation:
		return r.u.Train, r.withSummary(p, r.u.Validation)
	case r.foreign(p):
		return foreignItems(r.o.Foreign), r.withSummary(p, r.u.Test)
	}
	return r.u.History(), r.withSummary(p, r.u.Test)
}

// foreign reports whether the prompts of a part show another user's texts.
func (r *run) foreign(p part) bool { return p == test && len(r.o.Foreign) > 0 }

// foreignItems are another user's texts as a history: without times, so that they come before every
// text that has one.
func foreignItems(items []history.Item) []history.Item {
	out := slices.Clone(items)
	for i := range out {
		out[i].ID = "foreign-" + out[i].ID
		out[i].Time = time.Time{}
	}
	return out
}

// withSummary adds the summary of the history to the request of each text.
func (r *run) withSummary(p part, items []history.Item) []history.Item {
	if r.summary[p] == nil {
		return items
	}
	out := slices.Clone(items)
	for i := range out {
		out[i].Context = append([]history.Field{*r.summary[p]}, out[i].Context...)
	}
	return out
}
