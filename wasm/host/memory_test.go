package host_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/wasm/host"
)

// TestMemoryStaysLevel writes 20 drafts. From the third to the last, the guest's memory grows by at
// most a fifth, whether the model stays on the device or each call loads it.
func TestMemoryStaysLevel(t *testing.T) {
	store, evaluation := evaluation(t)
	for _, keep := range []bool{true, false} {
		sizes := draftSizes(t, store, evaluation, keep)
		t.Logf("keep %v: %d bytes", keep, sizes)
		require.LessOrEqual(t, float64(sizes[19]), 1.2*float64(sizes[2]))
	}
}

// draftSizes returns the size of the guest's memory after each of 20 drafts, in bytes.
func draftSizes(t *testing.T, store *blob.Mem, e api.EvaluateParams, keep bool) []uint32 {
	h := open(t, config(t).WithBlobs(store))
	p := api.WriteParams{Inference: api.Inference{Model: e.Model, Keep: keep, Source: e.Source}}
	p.Source.MaxItems = nil
	p.Sampling.MaxTokens = new(2)
	var sizes []uint32
	for i := range 20 {
		p.Sampling.Seed = uint32(i)
		require.NoError(t, h.Call(t.Context(), api.MethodWrite, p, nil, nil))
		sizes = append(sizes, h.MemorySize())
	}
	return sizes
}

// TestMemoryOfCheckpoints pauses a training after every second checkpoint and resumes it. From the
// first pause to the last, the guest's memory grows by at most a fifth.
func TestMemoryOfCheckpoints(t *testing.T) {
	store, evaluation := evaluation(t)
	h := open(t, config(t).WithBlobs(store))
	p := api.PersonalizeParams{
		Model: evaluation.Model, Source: evaluation.Source, Preset: "contextsft", Out: "out", Resume: true,
		// The rank makes the checkpoints larger than everything else in the guest.
		LoRA:     api.LoRA{Rank: new(128)},
		Training: api.Training{Epochs: new(6.0), BatchSize: new(1), CheckpointEvery: new(1)},
	}
	var sizes []uint32
	for done := false; !done; {
		sizes = append(sizes, h.MemorySize())
		done = pauseAtCheckpoint(t, h, p, 2)
	}
	t.Logf("%d bytes", sizes)
	require.Greater(t, len(sizes), 4)
	require.LessOrEqual(t, float64(sizes[len(sizes)-1]), 1.2*float64(sizes[1]))
}

// pauseAtCheckpoint trains until so many checkpoints were written. It reports whether the run is
// done before.
func pauseAtCheckpoint(t *testing.T, h *host.Host, p api.PersonalizeParams, checkpoints int) (done bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := h.Call(ctx, api.MethodPersonalize, p, nil, func(event string, _ json.RawMessage) {
		if event == api.EventCheckpoint {
			if checkpoints--; checkpoints == 0 {
				cancel()
			}
		}
	})
	if err != nil {
		require.ErrorIs(t, err, fault.Cancelled)
	}
	return err == nil
}
