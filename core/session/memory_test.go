//go:build !wasm

package session_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/session"
)

// TestMemoryIsEstimatedBeforeLoading personalizes on a q4 base: the estimate comes before
// the model is loaded, is what the device then takes within a tenth, and a cap below it
// is refused with what would fit, which then does.
func TestMemoryIsEstimatedBeforeLoading(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("nextquill-code", "out/q4")
	p.Base, p.Training.Epochs = "q4", 1
	var told session.MemoryEvent
	var order []string
	take := func(name string, raw json.RawMessage) {
		var stage session.StageEvent
		switch name {
		case "memory":
			require.NoError(t, json.Unmarshal(raw, &told))
			order = append(order, name)
		case "stage":
			require.NoError(t, json.Unmarshal(raw, &stage))
			order = append(order, stage.Stage)
		}
	}
	var r session.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, take))
	require.Less(t, index(order, "memory"), index(order, "load"))
	require.InEpsilon(t, r.PeakBytes, told.Peak, .1)
	require.Positive(t, told.Adapter)
	require.Equal(t, 3*told.Adapter, told.Optimizer)
	require.Zero(t, told.Cache)

	p.Base, p.Memory, p.Out = "f32", told.Peak, "out/capped"
	err := j.client.Call(ctx, "personalize", p, nil, nil)
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "activations")
	require.ErrorContains(t, err, "use base q")
	p.Base = "q4"
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil), "the cap is its estimate")

	p.Memory = 100_000
	require.ErrorContains(t, j.client.Call(ctx, "personalize", p, nil, nil), "smaller model")
	require.Zero(t, j.gpu.LiveBuffers())
}

func index(all []string, one string) int {
	for i, s := range all {
		if s == one {
			return i
		}
	}
	return -1
}

// TestEstimate asks what a model would take without loading it.
func TestEstimate(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	var f32, q4 session.EstimateResult
	require.NoError(t, j.client.Call(ctx, "estimate", session.EstimateParams{Model: "model", Loading: session.Loading{Base: "f32"}}, &f32, nil))
	require.NoError(t, j.client.Call(ctx, "estimate", session.EstimateParams{Model: "model", Loading: session.Loading{Base: "q4"}}, &q4, nil))
	require.Zero(t, j.gpu.LiveBuffers())
	require.Zero(t, j.gpu.PeakBytes(), "nothing was loaded")
	require.Less(t, q4.Train.Base, f32.Train.Base/4)
	require.Equal(t, f32.Train.Activations, q4.Train.Activations)
	require.Positive(t, f32.Write.Cache)
	require.Greater(t, f32.Train.Peak, f32.Write.Peak)
	err := j.client.Call(ctx, "estimate", session.EstimateParams{Model: "model", Loading: session.Loading{Base: "q5"}}, nil, nil)
	require.ErrorIs(t, err, fault.OutOfRange)
}

// TestWriteFromQuantisedBases writes and scores with every base: the closer a format
// is to the file, the closer is the loss.
func TestWriteFromQuantisedBases(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	loss := map[string]float64{}
	for _, base := range []string{"auto", "f32", "q8", "q4"} {
		p := session.EvaluateParams{Model: "model", Source: smallSource, Retrieval: smallRetrieval, Loading: session.Loading{Base: base}}
		var r session.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", p, &r, nil))
		loss[base] = r.Loss
	}
	require.InDelta(t, loss["f32"], loss["auto"], 1e-9)
	require.NotEqual(t, loss["f32"], loss["q8"])
	require.InDelta(t, loss["f32"], loss["q8"], .01)
	require.InDelta(t, loss["f32"], loss["q4"], .2)
	p := small("contextsft", "out/full")
	p.Full, p.Base = true, "q8"
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Unsupported)
}
