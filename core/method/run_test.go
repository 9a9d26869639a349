//go:build !wasm

package method_test

import (
	"context"
	"io/fs"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/jobs"
	"nextquill/core/method"
	"nextquill/core/rpc"
	"nextquill/models"
	"nextquill/native/nativetest"
	"nextquill/samples"
)

// lab is a core on this machine's device with the embedded model, and users made of the sample
// writer's texts.
type lab struct {
	t     *testing.T
	e     method.Engine
	users []method.User
	o     method.Options
}

func newLab(t *testing.T) *lab {
	t.Helper()
	store := &blob.Mem{}
	names, err := fs.Glob(models.DefaultFS(), "*")
	require.NoError(t, err)
	for _, name := range names {
		raw, err := fs.ReadFile(models.DefaultFS(), name)
		require.NoError(t, err)
		require.NoError(t, store.Write(context.Background(), "model/"+name, raw))
	}
	g := nativetest.Open(t, store)
	e := engine.New(engine.Host{GPU: g, Blobs: store})
	l := &lab{t: t, e: method.Engine{Client: rpc.Local(e.NewServer(jobs.Methods(e))), Blobs: store, Dir: "run"}}
	f, err := samples.Bierce().Open("history.jsonl")
	require.NoError(t, err)
	defer f.Close()
	items, err := history.ReadJSONL(f, "history.jsonl", history.Limits{})
	require.NoError(t, err)
	for i := range 3 {
		part := items[9*i:]
		l.users = append(l.users, method.User{
			ID: string(rune('a' + i)), Train: part[:4], Validation: part[4:6], Test: part[6:8],
		})
	}
	l.o = method.Options{
		Model: "model", Retrieval: api.Retrieval{K: new(2)}, LoRA: api.LoRA{Rank: new(4), Alpha: new(8.)}, Drafts: 1,
		Training: api.Training{Epochs: new(1.), BatchSize: new(4), LR: new(2e-3)},
		Sampling: api.Sampling{MaxTokens: new(6)},
	}
	require.NoError(t, l.e.Call(context.Background(), api.MethodLoad, api.LoadParams{Model: "model"}, nil, nil))
	t.Cleanup(func() { require.NoError(t, l.e.Call(context.Background(), api.MethodUnload, nil, nil, nil)) })
	return l
}

// TestMethods runs the methods that differ in what they call, and two of them in every regime. All
// score the same tokens and the same preference tokens, validation cannot lose by its choices, and
// what a method says of its adapter is true.
func TestMethods(t *testing.T) {
	l, ctx := newLab(t), context.Background()
	u := l.users[0]
	marks, err := method.Preferences(ctx, l.e, u, l.o, nil)
	require.NoError(t, err)
	require.Len(t, marks.Marks, 4)
	l.o.Preference, l.o.Others = marks, l.users[1:]
	losses := map[string]float64{}
	for _, m := range method.Methods() {
		if slices.Contains([]string{"retrieval", "mce", "mce-dce", "dce", "nextquill-code"}, m.Name) {
			continue // they differ from others in the retrieval or the preset only
		}
		for _, regime := range m.Regimes {
			if regime != method.Personal && m.Name != "sft" && m.Name != method.Default {
				continue // they differ in the objective only
			}
			name := m.Name + " " + string(regime)
			o := l.o
			o.Regime = regime
			c, err := m.Run(ctx, l.e, u, o, nil)
			require.NoError(t, err, name)
			require.Len(t, c.Texts, 2, name)
			require.Len(t, c.Validation, 2, name)
			require.Len(t, c.Drafts, 1, name)
			require.Zero(t, c.Skipped)
			require.LessOrEqual(t, c.Drafts[0].Match.F1, 1.)
			require.Positive(t, c.Drafts[0].Match.F1, name)
			require.Equal(t, regime, c.Regime)
			require.Equal(t, m.Trains(), c.Adapter != "", name)
			require.Equal(t, m.TaskAdapter, c.Model != "model", name)
			if m.Trains() && regime != method.Pooled {
				require.Positive(t, c.Cost.Steps, name)
			}
			if m.Steering == nil {
				require.Equal(t, 1., c.Steering)
			}
			require.Contains(t, c.Temperatures, c.Temperature)
			sum, fitted := 0., 0.
			for _, s := range c.Validation {
				sum, fitted = sum+s.Loss, fitted+s.Fitted.Loss
			}
			require.LessOrEqual(t, fitted, sum, name)
			for i, s := range c.Texts {
				require.Equal(t, i, s.Index)
				require.Equal(t, u.Test[i].ID, s.ID)
				require.Len(t, marks.Marks[s.ID], s.Tokens, name)
				require.Len(t, s.Curve, len(c.Temperatures))
				require.InDelta(t, s.Loss, s.Curve[10].Loss, 1e-3, "temperature 1")
				require.LessOrEqual(t, s.Preferred, s.Loss)
				require.Equal(t, m.NoHistory, s.Erased == 0, name)
				losses[name] += s.Loss
			}
		}
	}
	require.Less(t, losses["sft personal"], losses["base personal"])
	require.Less(t, losses["contextsft personal"], losses["latestk personal"])
	require.NotEqual(t, losses["quill personal"], losses["quill pooled-personal"])
	require.NotEqual(t, losses["latestk personal"], losses["retrieval-dense personal"])
}

// TestForeignHistory scores with another user's texts in the prompts: the losses of a method
// without history do not change, those of one with history do.
func TestForeignHistory(t *testing.T) {
	l, ctx := newLab(t), context.Background()
	l.o.Drafts = 0
	for _, name := range []string{"base", "latestk", "retrieval", "retrieval-dense"} {
		m, err := method.ByName(name)
		require.NoError(t, err)
		own, err := m.Run(ctx, l.e, l.users[0], l.o, nil)
		require.NoError(t, err)
		o := l.o
		o.Foreign = l.users[2].History()
		foreign, err := m.Run(ctx, l.e, l.users[0], o, nil)
		require.NoError(t, err)
		require.Equal(t, own.Validation, foreign.Validation)
		for i := range own.Texts {
			require.Equal(t, m.NoHistory, own.Texts[i].Loss == foreign.Texts[i].Loss, name)
		}
	}
}

// TestLosses scores a user's texts under the adapters of two users: those of the own one are lower.
func TestLosses(t *testing.T) {
	l, ctx := newLab(t), context.Background()
	m, err := method.ByName("contextsft")
	require.NoError(t, err)
	l.o.Drafts, l.o.Training.Epochs = 0, new(2.)
	u := l.users[0]
	c, err := m.Run(ctx, l.e, u, l.o, nil)
	require.NoError(t, err)
	own, err := m.Losses(ctx, l.e, u, c.Model, c.Adapter, l.o)
	require.NoError(t, err)
	for i, s := range c.Texts {
		require.InDelta(t, s.Loss, own[i], 1e-3)
	}
	base, err := m.Losses(ctx, l.e, u, "", "", l.o)
	require.NoError(t, err)
	require.NotEqual(t, own, base)
}

func TestUserCheck(t *testing.T) {
	item := func(id, text string) []history.Item { return []history.Item{{ID: id, Text: text}} }
	good := method.User{ID: "a", Train: item("1", "x"), Validation: item("2", "y"), Test: item("3", "z")}
	require.NoError(t, good.Check())
	for name, c := range map[string]struct {
		change func(*method.User)
		kind   fault.Kind
	}{
		"no test text":  {func(u *method.User) { u.Test = nil }, fault.Missing},
		"an empty text": {func(u *method.User) { u.Train = item("1", "") }, fault.Missing},
		"a copy":        {func(u *method.User) { u.Test = item("3", " x\n") }, fault.Mismatch},
		"a copied id":   {func(u *method.User) { u.Test = item("1", "z") }, fault.Mismatch},
		"a missing id":  {func(u *method.User) { u.Test = item("", "z") }, fault.Mismatch},
		"not in order":  {func(u *method.User) { u.Train[0].Time = u.Train[0].Time.AddDate(1, 0, 0) }, fault.Mismatch},
	} {
		u := good
		u.Train = item("1", "x")
		c.change(&u)
		require.ErrorIs(t, u.Check(), c.kind, name)
	}
	_, err := method.ByName("nothing")
	require.ErrorIs(t, err, fault.Unsupported)
	require.Contains(t, err.Error(), "contextsft")
}

// TestTrained uses the adapter of another run: the scores are those of a run that trains it. If it
// was deleted, the run trains.
func TestTrained(t *testing.T) {
	l, ctx := newLab(t), context.Background()
	u := l.users[0]
	// The fitted share of the datastore is 0 unless the validation texts repeat something.
	u.Validation = slices.Clone(u.Validation)
	for i := range u.Validation {
		u.Validation[i].Text = u.Train[i].Text + " Again."
	}
	run := func(name, dir string, o method.Options) method.Cell {
		m, err := method.ByName(name)
		require.NoError(t, err)
		e := l.e
		e.Dir = dir
		c, err := m.Run(ctx, e, u, o, nil)
		require.NoError(t, err)
		return c
	}
	quill, plain := run("quill", "a", l.o), run("contextsft", "b", l.o)
	require.Positive(t, quill.Share)
	require.NotEqual(t, quill.Texts, plain.Texts)
	from := func(c method.Cell) method.Options {
		o := l.o
		o.Trained = &method.Trained{Adapter: c.Adapter, Model: c.Model, Cost: c.Cost}
		return o
	}
	again := run("quill", "c", from(plain))
	require.Equal(t, quill.Texts, again.Texts)
	require.Equal(t, quill.Drafts, again.Drafts)
	require.Equal(t, plain.Cost.Trained, again.Cost.Trained)
	require.Equal(t, plain.Texts, run("contextsft", "d", from(quill)).Texts)
	foreign, trained := l.o, from(quill)
	foreign.Foreign = l.users[2].History()
	trained.Foreign = foreign.Foreign
	require.Equal(t, run("quill", "e", foreign).Texts, run("quill", "f", trained).Texts)
	m, err := method.ByName("quill")
	require.NoError(t, err)
	losses, err := m.Losses(ctx, l.e, u, again.Model, again.Adapter, l.o)
	require.NoError(t, err)
	require.InDelta(t, quill.Texts[0].Loss, losses[0], 1e-3, "identification has the datastore, too")
	require.NoError(t, l.e.Blobs.Delete(ctx, plain.Adapter+"/adapter_config.json"))
	require.Equal(t, quill.Texts, run("quill", "g", from(plain)).Texts)
}

func TestTrainsLike(t *testing.T) {
	like := map[string]bool{}
	for _, a := range method.Methods() {
		for _, b := range method.Methods() {
			if a.Name < b.Name && a.TrainsLike(b) {
				like[a.Name+" "+b.Name] = true
			}
		}
	}
	require.Equal(t, map[string]bool{"contextsft quill": true}, like)
}
