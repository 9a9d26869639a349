package method_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/core/method"
)

// fake is a core that records the calls and answers with losses that follow from the request. A
// token is a word.
type fake struct {
	t     *testing.T
	store *blob.Mem
	chat  bool    // whether the model has a chat template
	best  float64 // the steering with the lowest loss

	trained  []api.PersonalizeParams
	scored   []api.EvaluateParams
	written  []api.WriteParams
	heldout  [][]history.Item // of each evaluation
	embedded []string
	most     int      // texts that one call of embed takes; 0 is any number
	texts    []string // what it writes, in turn; nil writes "text 1", "text 2", …

	remembered []remembered
}

// remembered is a call of "remember" with the items of its history.
type remembered struct {
	api.RememberParams
	items []history.Item
}

func (f *fake) Call(ctx context.Context, name string, params, result any, _ func(string, json.RawMessage)) error {
	switch p := params.(type) {
	case api.PersonalizeParams:
		f.trained = append(f.trained, p)
		return answer(result, api.PersonalizeResult{Steps: 3, Tokens: 100, Seconds: 2, PeakBytes: 7})
	case api.EvaluateParams:
		f.scored = append(f.scored, p)
		var r api.EvaluateResult
		items := f.items(ctx, p.Source.Heldout)
		f.heldout = append(f.heldout, items)
		for i, it := range items {
			one := api.ItemLoss{Item: i, Tokens: len(strings.Fields(it.Text))}
			for _, point := range p.Points {
				loss := 1 + (point.Steer-f.best)*(point.Steer-f.best) + (point.Temperature-.9)*(point.Temperature-.9)
				s := api.PointScore{Correct: 1}
				for range one.Tokens {
					s.Logp = append(s.Logp, -loss)
				}
				one.Points = append(one.Points, s)
			}
			r.Items = append(r.Items, one)
		}
		return answer(result, r)
	case api.WriteParams:
		if len(p.Messages) > 0 && !f.chat {
			return fault.New(fault.Missing, "model", "chat template", "there is none")
		}
		f.written = append(f.written, p)
		text := fmt.Sprintf("text %d", len(f.written))
		if f.texts != nil {
			text = f.texts[len(f.written)-1]
		}
		return answer(result, api.WriteResult{Text: text, Tokens: 2, Stopped: api.StoppedEOS})
	case api.RememberParams:
		f.remembered = append(f.remembered, remembered{p, f.items(ctx, p.Source.History)})
		return nil
	case api.EmbedParams:
		if f.most > 0 && len(p.Texts) > f.most {
			return fault.New(fault.TooLarge, "embed", "texts", "%d of them", len(p.Texts))
		}
		f.embedded = append(f.embedded, p.Texts...)
		var r api.EmbedResult
		var b bytes.Buffer
		r.Width = 2
		for _, text := range p.Texts {
			r.Rows = append(r.Rows, 1)
			v := []float32{1, float32(crc32.ChecksumIEEE([]byte(text))%9) - 4}
			require.NoError(f.t, binary.Write(&b, binary.LittleEndian, v))
		}
		require.NoError(f.t, f.store.Write(ctx, p.Out, b.Bytes()))
		return answer(result, r)
	}
	return fault.New(fault.Unsupported, name, "", "not expected")
}

func answer(result, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, result)
}

func (f *fake) items(ctx context.Context, name string) []history.Item {
	raw, err := blob.ReadAll(ctx, f.store, name, 1<<20)
	require.NoError(f.t, err)
	items, err := history.ReadJSONL(bytes.NewReader(raw), name, history.Limits{})
	require.NoError(f.t, err)
	return items
}

// writer has n items in order of time, split into training texts, two validation and two test
// texts.
func writer(id string, n int) method.User {
	var items []history.Item
	for i := range n {
		items = append(items, history.Item{
			ID: fmt.Sprint(id, i), Text: fmt.Sprintf("text %s %d", id, i),
			Context: []history.Field{{Name: "about", Value: fmt.Sprint(i)}},
			Time:    time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC),
		})
	}
	return method.User{ID: id, Train: items[:n-4], Validation: items[n-4 : n-2], Test: items[n-2:]}
}

func newFake(t *testing.T) (*fake, method.Engine) {
	f := &fake{t: t, store: &blob.Mem{}, best: 1}
	return f, method.Engine{Client: f, Blobs: f.store, Dir: "dir"}
}

func named(t *testing.T, name string) method.Method {
	m, err := method.ByName(name)
	require.NoError(t, err)
	return m
}

// TestPooled trains on all users once, then each user's adapter starts from that one.
func TestPooled(t *testing.T) {
	f, e := newFake(t)
	ctx, users := context.Background(), []method.User{writer("a", 8), writer("b", 9), writer("c", 10)}
	m := named(t, "nextquill")
	o := method.Options{Model: "model", Regime: method.Pooled, LoRA: api.LoRA{Rank: new(3)}}
	shared, err := m.Share(ctx, e, users, o, nil)
	require.NoError(t, err)
	require.Equal(t, "dir/shared/adapter", shared)
	require.Len(t, f.trained, 2, "ContextSFT for θ_D, then the objective")
	require.Equal(t, []string{"contextsft", "nextquill"}, []string{f.trained[0].Preset, f.trained[1].Preset})
	require.Equal(t, "dir/shared/contextsft", f.trained[1].Expert)
	for _, p := range f.trained {
		require.Len(t, p.Writers, 2)
		require.Len(t, f.items(ctx, p.Writers[0]), 5)
		require.Len(t, f.items(ctx, p.Writers[1]), 6, "training texts only")
	}

	o.Shared = shared
	c, err := m.Run(ctx, e, users[0], o, nil)
	require.NoError(t, err)
	require.Equal(t, shared, c.Adapter)
	require.Len(t, f.trained, 2, "pooled: nothing more is trained")
	o.Regime = method.PooledPersonal
	c, err = m.Run(ctx, e, users[0], o, nil)
	require.NoError(t, err)
	require.Equal(t, "dir/personal/adapter", c.Adapter)
	last := f.trained[len(f.trained)-1]
	require.Equal(t, shared, last.From)
	require.Nil(t, last.Datastore)
	require.Empty(t, last.LoRA, "the adapter that training starts from has its own shape")
	require.Empty(t, last.Writers)
	require.Empty(t, f.trained[len(f.trained)-2].From, "θ_D weighs this user's texts")
	require.Equal(t, int64(200), c.Cost.Trained)
	require.Equal(t, 6, c.Cost.Steps)

	_, err = named(t, "base").Run(ctx, e, users[0], o, nil)
	require.ErrorIs(t, err, fault.Unsupported, "base has no pooled regime")
}

// TestValidationChooses steering and temperature; test texts do not.
func TestValidationChooses(t *testing.T) {
	f, e := newFake(t)
	f.best = .5
	o := method.Options{Model: "model", Drafts: 1}
	c, err := named(t, "cos").Run(context.Background(), e, writer("a", 9), o, nil)
	require.NoError(t, err)
	require.Equal(t, .5, c.Steering)
	require.Equal(t, .9, c.Temperature)
	require.Empty(t, f.trained)
	require.Len(t, f.written, 1)
	require.Equal(t, -.5, f.written[0].Sampling.Steer, "z^h + (s−1)·(z^h − z^0)")
	require.Less(t, c.Texts[0].Fitted.Loss, c.Texts[0].Loss)
	require.Equal(t, c.Texts[0].Fitted, c.Texts[0].Curve[8])

	// The retrieval is the same for every text, and the draft's prompt shows no later text.
	before := f.items(context.Background(), f.written[0].Source.History)
	require.Len(t, before, 7)
	for _, it := range before {
		require.NotEqual(t, "a7", it.ID)
	}
}

// TestSummaries summarizes blocks of five in turn: 1–5, 6–7 for validation, then the two validation
// texts for test. The summary is a field of each request.
func TestSummaries(t *testing.T) {
	for _, chat := range []bool{true, false} {
		f, e := newFake(t)
		f.chat = chat
		o := method.Options{Model: "model"}
		_, err := named(t, "llm-trsr").Run(context.Background(), e, writer("a", 11), o, nil)
		require.NoError(t, err)
		require.Len(t, f.written, 3)
		asked := func(i int) string {
			if chat {
				return f.written[i].Messages[0].Content
			}
			require.True(t, f.written[i].NoHistory)
			return fmt.Sprint(f.written[i].Context)
		}
		require.Contains(t, asked(0), "text a 4")
		require.NotContains(t, asked(0), "text a 5")
		require.Contains(t, asked(1), "text 1", "the summary so far")
		require.Contains(t, asked(1), "text a 6")
		require.Contains(t, asked(2), "text 2")
		require.Contains(t, asked(2), "text a 8")
		last := f.heldout[len(f.heldout)-1]
		require.Equal(t, "text 3", last[0].Context[0].Value)
		require.Equal(t, 5, *f.scored[len(f.scored)-1].Retrieval.K)
	}
}

// TestForeignLists: prompts for test texts list another user's items only.
func TestForeignLists(t *testing.T) {
	f, e := newFake(t)
	o := method.Options{Model: "model", Retrieval: api.Retrieval{K: new(2)}, Foreign: writer("b", 8).History()}
	_, err := named(t, "latestk").Run(context.Background(), e, writer("a", 9), o, nil)
	require.NoError(t, err)
	last := f.scored[len(f.scored)-1]
	require.Equal(t, api.RetrievalListed, last.Retrieval.Kind)
	raw, err := blob.ReadAll(context.Background(), f.store, last.Retrieval.Lists, 1<<20)
	require.NoError(t, err)
	var lists map[string][]string
	require.NoError(t, json.Unmarshal(raw, &lists))
	require.Equal(t, []string{"foreign-b5", "foreign-b4"}, lists["a7"][:2], "the newest first")
	require.Len(t, lists, 2)
	for _, it := range f.items(context.Background(), last.Source.History) {
		require.True(t, strings.HasPrefix(it.ID, "foreign-b"))
	}
	require.Equal(t, api.RetrievalLatest, f.scored[len(f.scored)-2].Retrieval.Kind, "validation shows the own history")
}

// TestDatastores: quill has a datastore of each user's own texts, also under a shared adapter.
func TestDatastores(t *testing.T) {
	f, e := newFake(t)
	ctx, users := context.Background(), []method.User{writer("a", 8), writer("b", 9)}
	m := named(t, "quill")
	o := method.Options{Model: "model", Regime: method.Pooled}
	shared, err := m.Share(ctx, e, users, o, nil)
	require.NoError(t, err)
	require.Nil(t, f.trained[0].Datastore)
	o.Shared = shared
	_, err = m.Run(ctx, e, users[1], o, nil)
	require.NoError(t, err)
	require.Len(t, f.remembered, 1)
	require.Equal(t, shared, f.remembered[0].Adapter)
	require.Len(t, f.remembered[0].items, 5, "training texts only")
	require.Equal(t, f.remembered[0].Out, f.scored[len(f.scored)-1].Datastore)

	o.Regime = method.Personal
	_, err = m.Run(ctx, e, users[1], o, nil)
	require.NoError(t, err)
	require.Len(t, f.remembered, 2)
	require.Equal(t, "dir/personal/adapter/datastore.safetensors", f.remembered[1].Out)
	require.Empty(t, f.scored[len(f.scored)-1].Datastore, "that in the folder of the adapter")

	o.Foreign = users[0].History()
	_, err = m.Run(ctx, e, users[1], o, nil)
	require.NoError(t, err)
	require.Len(t, f.remembered, 4)
	require.Equal(t, "foreign-a0", f.remembered[3].items[0].ID)
	require.Equal(t, "dir/personal/adapter", f.remembered[3].Adapter)
	require.Equal(t, f.remembered[3].Out, f.scored[len(f.scored)-1].Datastore)
	require.Empty(t, f.scored[len(f.scored)-2].Datastore, "validation has the own one")
}

// TestConsensus takes the text that is most like the others.
func TestConsensus(t *testing.T) {
	f, e := newFake(t)
	f.texts = []string{"a b c d", "x y", "a b c e", "a b c"}
	o := method.Options{Model: "model", Drafts: 1, Consensus: 4, Sampling: api.Sampling{Temperature: 1}}
	c, err := named(t, "latestk").Run(context.Background(), e, writer("a", 8), o, nil)
	require.NoError(t, err)
	require.Equal(t, "a b c", c.Drafts[0].Text)
	require.Len(t, f.written, 4)
	require.NotEqual(t, f.written[0].Sampling.Seed, f.written[1].Sampling.Seed)
	require.Equal(t, 8, c.Cost.Written)
	o.Sampling.Temperature = 0
	_, err = named(t, "latestk").Run(context.Background(), e, writer("a", 8), o, nil)
	require.ErrorIs(t, err, fault.Mismatch)
}

// TestManyVectors embeds more texts than one call of the core takes: the results are the same.
func TestManyVectors(t *testing.T) {
	ctx, u := context.Background(), writer("a", 50)
	u.Train, u.Test = u.Train[:6], slices.Concat(u.Train[6:], u.Test)
	u.Validation[0].Time, u.Validation[1].Time = u.Train[5].Time, u.Train[5].Time
	match := func(most int) (drafts []method.Draft, retrieved [][]string) {
		f, e := newFake(t)
		f.most = most
		o := method.Options{Model: "model", Drafts: 40, Retrieval: api.Retrieval{K: new(2)}}
		c, err := named(t, "retrieval-dense").Run(ctx, e, u, o, nil)
		require.NoError(t, err)
		raw, err := blob.ReadAll(ctx, f.store, "dir/lists.json", 1<<20)
		require.NoError(t, err)
		var lists map[string][]string
		require.NoError(t, json.Unmarshal(raw, &lists))
		for _, it := range u.Test {
			retrieved = append(retrieved, lists[it.ID])
		}
		return c.Drafts, retrieved
	}
	drafts, lists := match(0)
	require.Len(t, drafts, 40)
	require.Len(t, lists, 42)
	seen := map[float64]bool{}
	for _, d := range drafts {
		seen[d.Match.F1] = true
	}
	require.Greater(t, len(seen), 5, "the matches differ")
	for _, most := range []int{1, 3} {
		again, lists2 := match(most)
		require.Equal(t, drafts, again)
		require.Equal(t, lists, lists2)
	}
}
