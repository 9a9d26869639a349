//go:build !wasm

package jobs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
)

// TestEmbed compares the mean of a text with the mean of its tokens' states, and checks that a text
// has the same vector in any company.
func TestEmbed(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := api.EmbedParams{Model: "model", Out: "out/vectors", Tokens: true,
		Texts: []string{"A cat.", "An abdication is an act.", "A cat.", strings.Repeat("word ", 3000)}}
	run := func() (api.EmbedResult, []float32) {
		var r api.EmbedResult
		require.NoError(t, j.client.Call(ctx, "embed", p, &r, nil))
		raw, err := blob.ReadAll(ctx, j.store, p.Out, 1<<30)
		require.NoError(t, err)
		return r, gpu.BytesF32(raw)
	}
	tokens, states := run()
	rows := 0
	for _, n := range tokens.Rows {
		rows += n
	}
	require.Len(t, states, rows*tokens.Width)
	require.Equal(t, 1, tokens.Cut)
	require.Equal(t, tokens.Rows[0], tokens.Rows[2])
	p.Tokens = false
	means, vectors := run()
	require.Equal(t, []int{1, 1, 1, 1}, means.Rows)
	width := means.Width
	require.InDeltaSlice(t, vectors[:width], vectors[2*width:3*width], 1e-4)
	for i, n := range tokens.Rows {
		mean := make([]float32, width)
		for k, v := range states[:n*width] {
			mean[k%width] += v / float32(n)
		}
		states = states[n*width:]
		require.InDeltaSlice(t, mean, vectors[i*width:(i+1)*width], 1e-4, "text %d", i)
	}
	require.Zero(t, j.gpu.LiveBuffers())

	p.Texts = []string{"a", ""}
	require.ErrorIs(t, j.client.Call(ctx, "embed", p, nil, nil), fault.Missing)
	p.Texts = nil
	require.ErrorIs(t, j.client.Call(ctx, "embed", p, nil, nil), fault.OutOfRange)
}

// TestWriters trains on the items of several writers. It takes the tokens of each writer alone, so
// no prompt shows the texts of another writer.
func TestWriters(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	line := func(text string, day int) string {
		return `{"context":{"word":"` + text + `"},"text":"` + text + ` is a word.","time":"2024-01-0` +
			string(rune('0'+day)) + `"}` + "\n"
	}
	j.write("a", line("ape", 1)+line("bee", 2)+line("cat", 3))
	j.write("b", line("dog", 1)+line("elk", 2))
	j.write("test", line("fox", 9))
	p := small("contextsft", "out/pooled")
	p.Source = api.Source{History: "a", Heldout: "test"}
	p.Writers = []string{"b"}
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil))
	require.Equal(t, 5, r.Train.Texts)
	require.Equal(t, 1, r.Tested.Texts)
	require.Equal(t, 4, r.Steps, "2 epochs of ⌈5/3⌉ steps")
	p.Writers = nil
	var a, b api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &a, nil))
	p.Source.History = "b"
	require.NoError(t, j.client.Call(ctx, "personalize", p, &b, nil))
	require.Equal(t, a.Tokens+b.Tokens, r.Tokens)
	p.Writers = make([]string, api.MaxWriters+1)
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.TooLarge)
	p.Writers = []string{"nowhere"}
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Missing)
}

// TestListedRetrieval: a list with the newest item gives the loss of latest with k = 1, an empty
// one that of no history, and a list with an unknown id is refused.
func TestListedRetrieval(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	j.write("history", `{"id":"1","context":{"w":"a"},"text":"one thing","time":"2024-01-01"}
{"id":"2","context":{"w":"b"},"text":"another thing","time":"2024-01-02"}
`)
	j.write("test", `{"id":"3","context":{"w":"c"},"text":"a third thing","time":"2024-01-03"}
`)
	p := api.EvaluateParams{Inference: api.Inference{Model: "model",
		Source: api.Source{History: "history", Heldout: "test"}, Retrieval: api.Retrieval{K: new(1)}}}
	loss := func() float64 {
		var r api.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", p, &r, nil))
		return r.Loss
	}
	latest := loss()
	p.NoHistory = true
	none := loss()
	p.NoHistory = false
	require.NotEqual(t, latest, none)
	p.Retrieval = api.Retrieval{Kind: api.RetrievalListed, Lists: "lists", K: new(1)}
	j.write("lists", `{"3": ["2", "1"]}`)
	require.Equal(t, latest, loss())
	j.write("lists", `{"3": []}`)
	require.InDelta(t, none, loss(), 1e-6)
	j.write("lists", `{"3": ["9"]}`)
	require.ErrorIs(t, j.client.Call(ctx, "evaluate", p, nil, nil), fault.Missing)
	p.Retrieval.Kind = ""
	require.ErrorIs(t, j.client.Call(ctx, "evaluate", p, nil, nil), fault.Mismatch)
}
