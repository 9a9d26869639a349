//go:build !wasm

package jobs

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/dataset"
	"nextquill/core/engine"
	"nextquill/core/history"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/models"
	"nextquill/native/nativetest"
	"nextquill/samples"
)

// TestShuffledHistoryIsLessCausal checks that the effect measures the content of the history. With
// a history that contains what the writer wrote about the same word, more tokens are above δ than
// with the history of another text.
func TestShuffledHistoryIsLessCausal(t *testing.T) {
	e := openEffects(t)
	n := e.data.Train
	around := func(shift int) func(i int) []int {
		return func(i int) []int { return []int{n - 2, n - 1, n + (i+shift)%effectTexts} }
	}
	own, ownGain := e.effects(t, around(0))
	for _, shift := range []int{1, 5, 11} {
		shuffled, gain := e.effects(t, around(shift))
		t.Logf(
			"tokens above δ: %.3f with histories about the same word, %.3f shuffled by %d; gain %.3f and %.3f nats",
			own,
			shuffled,
			shift,
			ownGain,
			gain,
		)
		require.Less(t, shuffled, .7*own)
		require.Less(t, gain, ownGain-.1)
	}
}

// TestAnothersHistoryIsLessCausal replaces the writer's texts by shuffled texts of another author
// (the plain glosses of other words): the history helps less. The share of tokens above δ does not
// measure that here, because a style that the base model knows well moves more tokens, up and down.
func TestAnothersHistoryIsLessCausal(t *testing.T) {
	e := openEffects(t)
	n := e.data.Train
	latest := func(int) []int { return []int{n - 1, n - 2, n - 3, n - 4} }
	_, own := e.effects(t, latest)
	items := append([]history.Item{}, e.data.Items...)
	for i := range items[:n] {
		other := items[(37*i+11)%n].Context
		e.data.Items[i].Text = other[len(other)-1].Value // the gloss is the last field
	}
	_, others := e.effects(t, latest)
	t.Logf("gain: %.3f nats with the writer's history, %.3f with another's", own, others)
	require.Less(t, others, own-.05)
}

// effectTexts is the number of held-out texts that are scored.
const effectTexts = 24

// effectsOf is the embedded model with the sample writer.
type effectsOf struct {
	env   *engine.Env
	model *model.Model
	data  *dataset.Dataset
	delta float64
}

func openEffects(t *testing.T) *effectsOf {
	t.Helper()
	store := &blob.Mem{}
	for dir, f := range map[string]fs.FS{"model": models.DefaultFS(), "data": samples.Bierce()} {
		names, err := fs.Glob(f, "*")
		require.NoError(t, err)
		for _, n := range names {
			raw, err := fs.ReadFile(f, n)
			require.NoError(t, err)
			require.NoError(t, store.Write(t.Context(), dir+"/"+n, raw))
		}
	}
	env := engine.New(engine.Host{GPU: nativetest.Open(t, store), Blobs: store}).Env(func(any) error { return nil })
	p := api.Inference{Model: "model", Source: api.Source{History: "data/history.jsonl", Heldout: "data/heldout.jsonl"}}
	m, err := openInference(
		t.Context(),
		env,
		p,
		"",
		func(*dataset.Dataset, weights.Config) (model.Needs, error) { return model.Needs{}, nil },
	)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	o, err := causal.Preset("nextquill")
	require.NoError(t, err)
	return &effectsOf{env, m.Model, m.data, o.Delta}
}

// effects returns the share of response tokens above δ, and the mean gain of a token's
// log-probability by the history, over held-out texts. The prompt of text i contains the items
// history(i).
func (e *effectsOf) effects(t *testing.T, history func(i int) []int) (share, gain float64) {
	t.Helper()
	var samples []causal.Sample
	n := e.data.Train
	for i := range effectTexts {
		text, err := e.data.Text(e.data.Items, n+i, history(i))
		require.NoError(t, err)
		samples = append(samples, text.Windows(text.Prompt)...)
	}
	records, err := score(t.Context(), e.env, e.model, samples, true, "test")
	require.NoError(t, err)
	above, all := 0, 0
	for _, r := range records {
		for _, tok := range r {
			all++
			gain += float64(tok.LogpWith - tok.LogpWithout)
			if float64(tok.DCE) > e.delta {
				above++
			}
		}
	}
	return float64(above) / float64(all), gain / float64(all)
}
