package host_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/wasm/host"
)

// TestCancelWhileTraining cancels a run five times at random moments, and resumes it: each
// cancellation is answered within 2 s, and the adapter is that of an unbroken run, bit for bit.
func TestCancelWhileTraining(t *testing.T) {
	store, evaluation := evaluation(t)
	h := open(t, config(t).WithBlobs(store))
	p := api.PersonalizeParams{
		Model: evaluation.Model, Source: api.Source{History: evaluation.Source.History, MaxItems: new(8)},
		Preset:   "nextquill-code",
		Training: api.Training{Epochs: new(1.0), BatchSize: new(2), CheckpointEvery: new(1)}, Out: "unbroken",
	}
	begun := time.Now()
	require.NoError(t, h.Call(t.Context(), api.MethodPersonalize, p, nil, nil))
	unbroken := time.Since(begun)
	want := adapterOf(t, store, p.Out)

	p.Out, p.Resume = "cancelled", true
	for n := 0; n < 5; {
		after := time.Duration(rand.Float64() * float64(unbroken))
		answered, cancelled := cancelAfter(t, h, p, after)
		if cancelled {
			t.Logf("cancelled after %v, answered in %v", after, answered)
			require.Less(t, answered, 2*time.Second)
			n++
		}
	}
	require.NoError(t, h.Call(t.Context(), api.MethodPersonalize, p, nil, nil))
	require.Equal(t, want, adapterOf(t, store, p.Out))
	requireNothingLeft(t, h)
}

// cancelAfter cancels a run after some time and returns how long the answer takes. A run that is
// done before is not cancelled.
func cancelAfter(t *testing.T, h *host.Host, p api.PersonalizeParams, after time.Duration) (time.Duration, bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := make(chan time.Time, 1)
	timer := time.AfterFunc(after, func() {
		at <- time.Now()
		cancel()
	})
	defer timer.Stop()
	err := h.Call(ctx, api.MethodPersonalize, p, nil, func(string, json.RawMessage) {})
	if err == nil {
		return 0, false
	}
	require.ErrorIs(t, err, fault.Cancelled)
	return time.Since(<-at), true
}

func adapterOf(t *testing.T, store blob.Store, folder string) []byte {
	t.Helper()
	data, err := blob.ReadAll(t.Context(), store, folder+"/adapter_model.safetensors", 64<<20)
	require.NoError(t, err)
	return data
}
