//go:build !wasm

package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/params"
	"nextquill/core/train"
)

// windowTexts are the texts of testdata/oracle/windows with what transformers makes of them.
type windowTexts struct {
	Texts []struct {
		Tokens  int     `json:"tokens"`
		Windows []int   `json:"windows"`
		Nats    float64 `json:"nats"`
		Without float64 `json:"nats_no_history"`
	} `json:"texts"`
}

func newWindowJob(t *testing.T) (*job, api.Inference, windowTexts) {
	j := newJob(t)
	for _, name := range []string{"history.jsonl", "heldout.jsonl"} {
		raw, err := os.ReadFile(oracle + "/windows/" + name)
		require.NoError(t, err)
		j.write("long/"+name, string(raw))
	}
	var want windowTexts
	readJSON(t, oracle+"/windows/expected.json", &want)
	return j, api.Inference{
		Model: "model", Source: api.Source{History: "long/history.jsonl", Heldout: "long/heldout.jsonl"},
	}, want
}

// TestLongTextsMatchTransformers compares the log-probabilities of whole texts, of up to 1,570
// tokens in eight windows, with those of transformers: of "evaluate" with and without history, and
// of "explain", which gives one for each token.
func TestLongTextsMatchTransformers(t *testing.T) {
	j, inference, want := newWindowJob(t)
	const tolerance = 2e-5 // of the sum of a text
	windows, tokens, long := 0, 0, 0
	for _, w := range want.Texts {
		windows, tokens = windows+len(w.Windows), tokens+w.Tokens
		if len(w.Windows) > 1 {
			long++
		}
	}
	for _, noHistory := range []bool{false, true} {
		var r api.EvaluateResult
		var said api.TextsEvent
		p := api.EvaluateParams{Inference: inference, NoHistory: noHistory}
		err := j.client.Call(t.Context(), "evaluate", p, &r,
			func(name string, raw json.RawMessage) {
				if name == api.EventTexts {
					require.NoError(t, json.Unmarshal(raw, &said))
				}
			})
		require.NoError(t, err)
		counts := api.TextCounts{Texts: len(want.Texts), Windows: windows, Long: long, Tokens: tokens}
		require.Equal(t, counts, r.Texts)
		require.Equal(t, api.TextsEvent{Event: "texts", Heldout: counts}, said)
		require.Equal(t, tokens, r.Tokens)
		require.Len(t, r.Items, len(want.Texts))
		for i, it := range r.Items {
			nats := want.Texts[i].Nats
			if noHistory {
				nats = want.Texts[i].Without
			}
			require.Equal(t, i, it.Item)
			require.Equal(t, want.Texts[i].Tokens, it.Tokens)
			require.InEpsilon(t, nats, it.Nats, tolerance, "text %d", i)
		}
	}

	at := 5 // of four windows
	var r api.ExplainResult
	p := api.ExplainParams{Inference: inference, Item: at, Influence: true}
	require.NoError(t, j.client.Call(t.Context(), "explain", p, &r, nil))
	require.Len(t, r.Tokens, want.Texts[at].Tokens)
	var with, without float64
	var text strings.Builder
	for _, c := range r.Tokens {
		with, without = with-c.LogpWith, without-c.LogpWithout
		text.WriteString(c.Text)
		require.Len(t, c.Influence, len(r.Items))
		if len(r.Items) == 1 { // without its only item, the prompt is that without history
			require.InDelta(t, c.LogpWith-c.LogpWithout, c.Influence[0], 1e-3)
		}
	}
	require.InEpsilon(t, want.Texts[at].Nats, with, tolerance)
	require.InEpsilon(t, want.Texts[at].Without, without, tolerance)
	require.Equal(t, " "+r.Text+"⏎", text.String())
}

// longPersonalize trains on some long texts.
func longPersonalize(inference api.Inference, out string) api.PersonalizeParams {
	p := small("nextquill-code", out)
	p.Source, p.Retrieval = inference.Source, api.Retrieval{K: new(1)}
	p.Source.History, p.Source.Heldout = p.Source.Heldout, p.Source.History
	p.Source.MaxItems, p.Source.MaxHeldout = new(5), new(2)
	p.Training.Epochs = new(1.0)
	return p
}

// TestPersonalizeTrainsWholeTexts: a step counts windows, and the result counts texts, windows and
// tokens. A checkpoint of a run that cut long texts is refused by name.
func TestPersonalizeTrainsWholeTexts(t *testing.T) {
	j, inference, want := newWindowJob(t)
	p := longPersonalize(inference, "out/a")
	ctx, cancel := context.WithCancel(t.Context())
	err := j.client.Call(ctx, "personalize", p, nil, func(name string, _ json.RawMessage) {
		if name == api.EventCheckpoint {
			cancel()
		}
	})
	require.ErrorIs(t, err, fault.Cancelled)

	saved := train.Checkpoints{Store: j.store, Dir: p.Out}
	c, err := saved.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, "windows of 512 tokens", c.Run.Windows)
	now, state := *c.Run, c.State
	replace := func() {
		other := train.Checkpoints{Store: j.store, Dir: p.Out} // it does not use the memory of state
		require.NoError(t, other.Delete(t.Context()))          // both slots
		require.NoError(t, other.Save(t.Context(), c, func(into []params.State) error {
			for i, s := range state {
				copy(into[i].Value, s.Value)
				copy(into[i].Mean, s.Mean)
				copy(into[i].Var, s.Var)
			}
			return nil
		}))
	}
	c.Run.Windows = "" // as earlier versions wrote it
	replace()
	p.Resume = true
	err = j.client.Call(t.Context(), "personalize", p, nil, nil)
	require.ErrorIs(t, err, fault.Mismatch)
	require.ErrorContains(t, err, `layout of long texts (saved "", now "windows of 512 tokens")`)
	c.Run = &now
	replace()

	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(t.Context(), "personalize", p, &r, nil))
	windows, tokens := 0, 0
	for _, w := range want.Texts[len(want.Texts)-5:] {
		windows, tokens = windows+len(w.Windows), tokens+w.Tokens
	}
	require.Equal(t, 5, r.Train.Texts)
	require.Equal(t, 2, r.Train.Long)
	require.Equal(t, tokens, r.Train.Tokens)
	// With one earlier text instead of three, the last texts need no more windows.
	require.InDelta(t, windows, r.Train.Windows, 2)
	size := *p.Training.BatchSize
	require.Equal(t, (r.Train.Windows+size-1)/size, r.Steps)
	require.Equal(t, 2, r.Tested.Texts)
	require.NotZero(t, r.Resumed)
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestCopiesAreNotTested: the held-out copies of training texts are left out and counted, and a run
// without any other held-out text is not tested. Texts with a long context are skipped and named.
func TestCopiesAreNotTested(t *testing.T) {
	j := newJob(t)
	j.write("same.jsonl", strings.Repeat(`{"text":"The same text again."}`+"\n", 12))
	p := small("contextsft", "out/same")
	p.Source, p.Retrieval, p.Training.Epochs = api.Source{History: "same.jsonl"}, api.Retrieval{}, new(1.0)
	var r api.PersonalizeResult
	var events []string
	require.NoError(t, j.client.Call(t.Context(), "personalize", p, &r, func(name string, _ json.RawMessage) {
		events = append(events, name)
	}))
	require.Equal(t, api.TextCounts{Copies: 2}, r.Tested)
	require.Equal(t, 10, r.Train.Texts)
	require.Zero(t, r.Heldout)
	require.NotContains(t, events, "eval")
	require.Contains(t, events, "texts")

	evaluate := api.EvaluateParams{Inference: api.Inference{Model: "model", Source: p.Source}}
	err := j.client.Call(t.Context(), "evaluate", evaluate, nil, nil)
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "held-out items: there are none: left out are 2 copies of training texts")

	subject := strings.Repeat("long ", 600)
	j.write("held.jsonl", `{"text":"The same  text again."}`+"\n"+`{"text":"Another one."}`+"\n"+
		fmt.Sprintf(`{"id":"huge","context":{"subject":%q},"text":"A third one."}`, subject)+"\n")
	evaluate.Source.Heldout = "held.jsonl"
	var e api.EvaluateResult
	require.NoError(t, j.client.Call(t.Context(), "evaluate", evaluate, &e, nil))
	require.Equal(t, 1, e.Texts.Texts)
	require.Equal(t, 1, e.Texts.Copies)
	require.Equal(t, 1, e.Texts.Skipped)
	require.Equal(t, "huge", e.Texts.SkippedItems[0].ID)
	require.Contains(t, e.Texts.SkippedItems[0].Reason, "without any history")
	require.Len(t, e.Items, 1)
	_, err = blob.ReadAll(t.Context(), j.store, "out/same/adapter_config.json", 1<<20)
	require.NoError(t, err)
}
