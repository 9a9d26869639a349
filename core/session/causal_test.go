//go:build !wasm

package session

import (
	"context"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/history"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/models"
	"nextquill/native/nativetest"
	"nextquill/samples"
)

// TestAnothersHistoryIsLessCausal puts shuffled texts of another hand (the plain
// glosses of other words) in place of the writer's own. An effect is what this
// history says, and not that there is one: the history helps less. The share above δ
// is no measure of that here: a hand that the base model knows well moves more tokens,
// up and down.
func TestAnothersHistoryIsLessCausal(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	for dir, f := range map[string]fs.FS{"model": models.DefaultFS(), "data": samples.Bierce()} {
		names, err := fs.Glob(f, "*")
		require.NoError(t, err)
		for _, n := range names {
			raw, err := fs.ReadFile(f, n)
			require.NoError(t, err)
			require.NoError(t, store.Write(ctx, dir+"/"+n, raw))
		}
	}
	env := &Env{GPU: nativetest.Open(t, store), Blobs: store, Emit: func(any) error { return nil }}
	src := Source{History: "data/history.jsonl", Heldout: "data/heldout.jsonl"}
	m, data, err := openTask(ctx, env, "model", "", src, "", Retrieval{}, Loading{}, func(*dataset, weights.Config) (model.Needs, error) { return model.Needs{}, nil })
	require.NoError(t, err)
	defer m.Free()
	o, err := causal.Preset("nextquill")
	require.NoError(t, err)

	own, ownGain := effects(ctx, t, env, m.Model, data, o.Delta)
	items := append([]history.Item{}, data.items...)
	for i := range items[:data.train] {
		other := items[(37*i+11)%data.train].Context
		data.items[i].Text = other[len(other)-1].Value // the gloss is the last field
	}
	others, othersGain := effects(ctx, t, env, m.Model, data, o.Delta)
	t.Logf("tokens above δ: %.3f with the writer's history, %.3f with another's; gain %.3f and %.3f nats", own, others, ownGain, othersGain)
	require.NotEqual(t, own, others)
	require.Less(t, othersGain, ownGain-.05)
}

// effects gives the share of response tokens above δ, and what the history adds to
// a token's log-probability on average, over held-out texts whose prompts hold the
// newest four items of data.items[:data.train].
func effects(ctx context.Context, t *testing.T, env *Env, m *model.Model, data *dataset, delta float64) (share, gain float64) {
	var samples []causal.Sample
	n := data.train
	for _, it := range data.items[n : n+24] {
		p, err := data.prompt(data.items, it.Context, []int{n - 1, n - 2, n - 3, n - 4})
		require.NoError(t, err)
		y, err := data.response(it.Text)
		require.NoError(t, err)
		samples = append(samples, causal.Sample{With: p.with, Without: p.without, Response: y})
	}
	records, err := score(ctx, env, m, samples, true, "test")
	require.NoError(t, err)
	above, all := 0, 0
	for _, r := range records {
		for _, tok := range r {
			all++
			gain += float64(tok.LogpWith - tok.LogpWithout)
			if float64(tok.DCE) > delta {
				above++
			}
		}
	}
	return float64(above) / float64(all), gain / float64(all)
}
