//go:build !wasm

package jobs_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
	"nextquill/models"
)

// TestDatastore trains with a datastore. Methods take it from the adapter's folder, its predictions
// are mixed in as its share says, and one of another adapter or size is refused.
func TestDatastore(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("quill", "out/quill")
	p.Datastore = &api.Datastore{Share: .25, Sharpness: 20}
	var trained api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &trained, nil))
	require.Equal(t, trained.Train.Tokens, trained.Remembered.Entries)
	require.Zero(t, trained.Remembered.Left)

	e := api.EvaluateParams{
		Inference: api.Inference{Model: "model", Adapter: "out/quill", Source: smallSource, Retrieval: smallRetrieval},
		Points:    []api.Point{{Steer: 1, Temperature: 1}, {Steer: 0, Temperature: 1}},
	}
	run := func(datastore string) (r api.EvaluateResult) {
		e.Datastore = datastore
		require.NoError(t, j.client.Call(ctx, "evaluate", e, &r, nil))
		return r
	}
	mixed, plain := run(""), run(api.DatastoreNone)
	require.InDelta(t, trained.Heldout, plain.Loss, 1e-5)
	set := api.Datastore{Share: .9, Sharpness: 20}
	remember := api.RememberParams{Inference: e.Inference, Set: &set, Out: "out/alone"}
	var r api.RememberResult
	require.NoError(t, j.client.Call(ctx, "remember", remember, &r, nil))
	require.Equal(t, trained.Remembered.Entries, r.Entries)
	alone := run("out/alone")
	for i, it := range mixed.Items {
		nats := 0.
		for k, logp := range it.Points[0].Logp {
			p := math.Exp(plain.Items[i].Points[0].Logp[k])
			recalled := (math.Exp(alone.Items[i].Points[0].Logp[k]) - .1*p) / .9
			want := .75*p + .25*recalled
			require.InDelta(t, math.Log(want), logp, 1e-4)
			nats -= logp
		}
		require.InDelta(t, nats, it.Nats, 1e-3)
		require.Equal(t, plain.Items[i].Points[1], it.Points[1], "points that steer have no datastore")
	}

	var w api.WriteResult
	write := api.WriteParams{Inference: e.Inference, Context: []api.Field{{Name: "word", Value: "cat"}},
		Sampling: api.Sampling{MaxTokens: new(12)}}
	write.Datastore = "out/alone"
	require.NoError(t, j.client.Call(ctx, "write", write, &w, nil))
	remembered := w.Text
	write.Datastore = api.DatastoreNone
	require.NoError(t, j.client.Call(ctx, "write", write, &w, nil))
	require.NotEqual(t, remembered, w.Text)
	require.Zero(t, j.gpu.LiveBuffers())

	// The same adapter with another scaling, and another base of the same size, predict by other
	// hidden states.
	mismatch := func(dir, model, what string) {
		other := e
		other.Adapter, other.Model, other.Datastore = dir, model, ""
		err := j.client.Call(ctx, "evaluate", other, nil, nil)
		require.ErrorIs(t, err, fault.Mismatch)
		require.ErrorContains(t, err, dir+"/datastore.safetensors: "+what)
		other.Datastore = api.DatastoreNone
		require.NoError(t, j.client.Call(ctx, "evaluate", other, nil, nil))
	}
	for _, name := range []string{"adapter_config.json", "adapter_model.safetensors", "datastore.safetensors"} {
		raw, err := blob.ReadAll(ctx, j.store, "out/quill/"+name, 1<<30)
		require.NoError(t, err)
		j.write("out/scaled/"+name, strings.Replace(string(raw), `"lora_alpha": 8`, `"lora_alpha": 9`, 1))
	}
	mismatch("out/scaled", "model", "adapter: the datastore was made with another adapter")
	j.copy("other", models.DefaultFS())
	source, err := weights.OpenModel(ctx, j.store, "other")
	require.NoError(t, err)
	first := source.Tensors()[0]
	changed, err := blob.ReadAll(ctx, j.store, first.Blob, 1<<30)
	require.NoError(t, err)
	changed[first.Begin]++
	j.write(first.Blob, string(changed))
	mismatch("out/quill", "other", "base model: the datastore was made with another base model")
	require.Zero(t, j.gpu.LiveBuffers())

	// Training again without a datastore removes it: it belonged to the adapter before.
	raw, err := blob.ReadAll(ctx, j.store, "out/quill/datastore.safetensors", 1<<30)
	require.NoError(t, err)
	p.Datastore, p.Training.LR = nil, new(1e-3)
	require.NoError(t, j.client.Call(ctx, "personalize", p, nil, nil))
	e.Datastore = ""
	require.NoError(t, j.client.Call(ctx, "evaluate", e, nil, nil))
	j.write("out/quill/datastore.safetensors", string(raw))
	require.ErrorIs(t, j.client.Call(ctx, "evaluate", e, nil, nil), fault.Mismatch)
	j.write("out/quill/datastore.safetensors", string(raw[:len(raw)-4]))
	require.ErrorIs(t, j.client.Call(ctx, "evaluate", e, nil, nil), fault.Malformed)

	p.Datastore = &api.Datastore{Share: 2, Sharpness: 20}
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.OutOfRange)
	p.Datastore = &api.Datastore{Share: .1, Sharpness: 20}
	p.Full = true
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Unsupported)
}
