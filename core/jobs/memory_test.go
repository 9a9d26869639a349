//go:build !wasm

package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
)

// TestMemoryIsEstimatedBeforeLoading trains on a q4 base: the estimate is emitted before the model
// is loaded, and is within a tenth of what the device then holds. A run that exceeds the limit is
// refused with advice, and following the advice works.
func TestMemoryIsEstimatedBeforeLoading(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	p := small("nextquill-code", "out/q4")
	p.Base, p.Training.Epochs = "q4", new(1.)
	var told api.MemoryEvent
	var order []string
	take := func(name string, raw json.RawMessage) {
		var stage api.StageEvent
		switch name {
		case "memory":
			require.NoError(t, json.Unmarshal(raw, &told))
			order = append(order, name)
		case "stage":
			require.NoError(t, json.Unmarshal(raw, &stage))
			order = append(order, stage.Stage)
		}
	}
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, take))
	require.Less(t, index(order, "memory"), index(order, "load"))
	require.InEpsilon(t, r.PeakBytes, told.Peak, .1)
	require.Positive(t, told.Adapter)
	require.Equal(t, 3*told.Adapter, told.Optimizer)
	require.Zero(t, told.Cache)

	no := false // else the advice would be to recompute
	p.Base, p.MemoryLimit, p.Out, p.Training.Recompute = "f32", &told.Peak, "out/capped", &no
	err := j.client.Call(ctx, "personalize", p, nil, nil)
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "activations")
	require.ErrorContains(t, err, "use base q")
	p.Base = "q4"
	require.NoError(t, j.client.Call(ctx, "personalize", p, &r, nil), "the cap is its estimate")

	p.MemoryLimit = new(int64(100_000))
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

// TestEstimate checks that "estimate" loads nothing.
func TestEstimate(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	var f32, q4 api.EstimateResult
	require.NoError(
		t,
		j.client.Call(
			ctx,
			"estimate",
			api.EstimateParams{Model: "model", Loading: api.Loading{Base: "f32"}},
			&f32,
			nil,
		),
	)
	require.NoError(
		t,
		j.client.Call(ctx, "estimate", api.EstimateParams{Model: "model", Loading: api.Loading{Base: "q4"}}, &q4, nil),
	)
	require.Zero(t, j.gpu.LiveBuffers())
	require.Zero(t, j.gpu.PeakBytes(), "nothing was loaded")
	require.Less(t, q4.Train.Base, f32.Train.Base/4)
	require.Equal(t, f32.Train.Activations, q4.Train.Activations)
	require.Positive(t, f32.Write.Cache)
	require.Greater(t, f32.Train.Peak, f32.Write.Peak)
	err := j.client.Call(
		ctx,
		"estimate",
		api.EstimateParams{Model: "model", Loading: api.Loading{Base: "q5"}},
		nil,
		nil,
	)
	require.ErrorIs(t, err, fault.OutOfRange)
}

// TestRecomputeByItself trains with and without recomputed activations: as requested, by the
// default budget, and by the memory limit. The adapters are identical byte for byte.
func TestRecomputeByItself(t *testing.T) {
	j := newJob(t)
	adapters := map[string][]byte{}
	run := func(out string, change func(*api.PersonalizeParams)) (e api.MemoryEvent, err error) {
		p := small("nextquill-code", "out/"+out)
		p.Training.Epochs = new(1.)
		change(&p)
		err = j.client.Call(t.Context(), "personalize", p, nil, func(name string, raw json.RawMessage) {
			if name == "memory" {
				require.NoError(t, json.Unmarshal(raw, &e))
			}
		})
		if err == nil {
			adapters[out], err = blob.ReadAll(t.Context(), j.store, p.Out+"/adapter_model.safetensors", 1<<30)
		}
		return e, err
	}
	kept, err := run("kept", func(*api.PersonalizeParams) {})
	require.NoError(t, err)
	require.False(t, kept.Recompute)
	require.Equal(t, api.WhyDefault, kept.Why)

	yes := true
	asked, err := run("asked", func(p *api.PersonalizeParams) { p.Training.Recompute = &yes })
	require.NoError(t, err)
	require.True(t, asked.Recompute)
	require.Equal(t, api.WhyAsked, asked.Why)
	require.Less(t, asked.Activations, kept.Activations)

	roomy, err := run("roomy", func(p *api.PersonalizeParams) { p.MemoryLimit = &kept.Peak })
	require.NoError(t, err)
	require.False(t, roomy.Recompute)
	require.Equal(t, api.WhyLimit, roomy.Why)

	capped, err := run("capped", func(p *api.PersonalizeParams) { p.MemoryLimit = new(kept.Peak - 1) })
	require.NoError(t, err)
	require.True(t, capped.Recompute)
	require.Equal(t, asked.Peak, capped.Peak)

	for _, out := range []string{"asked", "roomy", "capped"} {
		require.True(t, bytes.Equal(adapters["kept"], adapters[out]), out)
	}

	// Advice suggests recomputing if the request forbids it, and not if it is on already.
	_, err = run("small", func(p *api.PersonalizeParams) { p.MemoryLimit = new(capped.Peak - 1) })
	require.ErrorIs(t, err, fault.TooLarge)
	require.NotContains(t, err.Error(), "recomputed activations")
	no := false
	_, err = run("forbidden", func(p *api.PersonalizeParams) {
		p.MemoryLimit, p.Training.Recompute, p.Base = &asked.Peak, &no, "q4" // a base that no advice can make smaller
	})
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "recomputed activations")
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestRecomputeByDefault estimates steps of the embedded model: the default one keeps its
// activations, one of four times the tokens exceeds the default budget.
func TestRecomputeByDefault(t *testing.T) {
	j := newJob(t)
	var usual, large api.EstimateResult
	p := api.EstimateParams{Model: "model", Preset: "nextquill-code"}
	require.NoError(t, j.client.Call(t.Context(), "estimate", p, &usual, nil))
	require.False(t, usual.Train.Recompute)
	require.Less(t, usual.Train.Activations, int64(512<<20))
	p.Training.TokenBudget = new(4 * api.DefaultTokenBudget)
	require.NoError(t, j.client.Call(t.Context(), "estimate", p, &large, nil))
	require.True(t, large.Train.Recompute)
	require.Equal(t, api.WhyDefault, large.Train.Why)
	t.Logf(
		"activations: %d bytes kept of %d tokens, %d recomputed of %d",
		usual.Train.Activations,
		api.DefaultTokenBudget,
		large.Train.Activations,
		*p.Training.TokenBudget,
	)
}

// TestWriteFromQuantisedBases scores with every base format: a format that represents the file
// exactly gives the same loss.
func TestWriteFromQuantisedBases(t *testing.T) {
	j, ctx := newJob(t), context.Background()
	loss := map[string]float64{}
	for _, base := range []string{"auto", "f32", "q8", "q4"} {
		p := api.EvaluateParams{
			Inference: api.Inference{
				Model:     "model",
				Source:    smallSource,
				Retrieval: smallRetrieval,
				Loading:   api.Loading{Base: base},
			},
		}
		var r api.EvaluateResult
		require.NoError(t, j.client.Call(ctx, "evaluate", p, &r, nil))
		loss[base] = r.Loss
	}
	require.InDelta(t, loss["f32"], loss["auto"], 1e-9)
	require.InDelta(t, loss["f32"], loss["q8"], 1e-9, "the file's own format is exact")
	require.NotEqual(t, loss["f32"], loss["q4"])
	require.InDelta(t, loss["f32"], loss["q4"], .2)
	p := small("contextsft", "out/full")
	p.Full, p.Base = true, "q8"
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Unsupported)
}
