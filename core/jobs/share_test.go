//go:build !wasm

package jobs_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// TestFittedShare trains with a share that is fitted to the held-out texts. It compares the share,
// and the losses of "evaluate", with those of a search over many shares.
func TestFittedShare(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("quill", "out/quill")
	p.Source.MaxHeldout = new(5)
	p.Datastore = &api.Datastore{Share: .5, Fit: true, Sharpness: 20}
	var trained api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &trained, nil))
	require.Equal(t, 5, trained.Remembered.Fitted)

	e := api.EvaluateParams{
		Inference: api.Inference{Model: "model", Adapter: "out/quill", Source: p.Source, Retrieval: smallRetrieval},
		Points:    []api.Point{{Steer: 1, Temperature: 1}},
	}
	run := func(heldout int, datastore string) (r api.EvaluateResult) {
		e.Source.MaxHeldout, e.Datastore = &heldout, datastore
		require.NoError(t, j.client.Call(ctx, "evaluate", e, &r, nil))
		return r
	}
	remember := api.RememberParams{Inference: e.Inference, Out: "out/some"}
	remember.Set = &api.Datastore{Share: .5, Sharpness: 20}
	var r api.RememberResult
	require.NoError(t, j.client.Call(ctx, "remember", remember, &r, nil))
	require.Equal(t, api.RememberResult{Entries: trained.Remembered.Entries, Share: .5}, r)

	// With the probabilities p of the model and r of the datastore, (1 − λ)·p + λ·r is the one at
	// any share.
	plain, half := run(5, api.DatastoreNone), run(5, "out/some")
	loss := func(text int, share float64) (nats float64) {
		for k, logp := range plain.Items[text].Points[0].Logp {
			p := math.Exp(logp)
			recalled := 2*math.Exp(half.Items[text].Points[0].Logp[k]) - p
			nats -= math.Log((1-share)*p + share*max(0, recalled))
		}
		return nats
	}
	best := func(left int) (at float64) {
		lowest := math.Inf(1)
		for share := 0.; share <= .9; share += .001 {
			sum := 0.
			for text := range 5 {
				if text != left {
					sum += loss(text, share)
				}
			}
			if sum < lowest {
				lowest, at = sum, share
			}
		}
		return at
	}
	require.InDelta(t, best(-1), trained.Remembered.Share, .002)
	require.NotZero(t, trained.Remembered.Share)
	fitted := run(5, "")
	for text, it := range fitted.Items {
		require.InDelta(t, loss(text, best(text)), it.Nats, .02, "fitted to the other texts")
	}
	require.InDelta(t, loss(0, trained.Remembered.Share), run(1, "").Items[0].Nats, .01, "another set of texts")

	// One text is too few.
	remember.Set.Fit, remember.Source.MaxHeldout = true, new(1)
	require.NoError(t, j.client.Call(ctx, "remember", remember, &r, nil))
	require.Equal(t, api.RememberResult{Entries: trained.Remembered.Entries, Share: .5}, r)
	remember.Source.MaxHeldout = new(5)
	require.NoError(t, j.client.Call(ctx, "remember", remember, &r, nil))
	require.Equal(t, *trained.Remembered, r)
	require.Zero(t, j.gpu.LiveBuffers())
}
