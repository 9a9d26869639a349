//go:build !wasm

package jobs_test

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// giveAdapter writes a random adapter for the embedded model.
func (j *job) giveAdapter(dir string, rank int, targets []string, scale float32) {
	ctx := context.Background()
	c, err := weights.ReadModelConfig(ctx, j.store, "model")
	require.NoError(j.t, err)
	a := &weights.Adapter{
		Rank:      rank,
		Alpha:     float64(2 * rank),
		Targets:   targets,
		BaseModel: "someone/base",
		Pairs:     map[string]weights.Pair{},
	}
	state := uint32(rank)
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			state = state*1664525 + 1013904223
			v[i] = scale * (float32(state>>8)/(1<<23) - 1)
		}
		return v
	}
	for i := range c.Layers {
		for _, part := range weights.LinearParts {
			for _, t := range targets {
				if out, in, _ := c.LinearShape(part); part == "self_attn."+t || part == "mlp."+t {
					a.Pairs[weights.LayerPath(i, part)] = weights.Pair{
						A:   random(rank * in),
						B:   random(out * rank),
						In:  in,
						Out: out,
					}
				}
			}
		}
	}
	require.NotEmpty(j.t, a.Pairs)
	require.NoError(j.t, weights.WriteAdapter(ctx, j.store, dir, a))
}

func (j *job) call(method string, params, result any) {
	j.t.Helper()
	require.NoError(j.t, j.client.Call(context.Background(), method, params, result, nil))
}

// TestHeldAdapters switches between adapters on a resident base model: results are those of each
// adapter alone, a switch loads nothing, and all memory is released.
func TestHeldAdapters(t *testing.T) {
	j := newJob(t)
	j.giveAdapter("a", 4, []string{"q_proj", "down_proj"}, .2)
	j.giveAdapter("b", 6, []string{"v_proj", "o_proj", "up_proj"}, .25)
	evaluate := func(adapter string) (r api.EvaluateResult) {
		j.call(
			"evaluate",
			api.EvaluateParams{
				Inference: api.Inference{
					Model:     "model",
					Adapter:   adapter,
					Source:    smallSource,
					Retrieval: smallRetrieval,
				},
			},
			&r,
		)
		return r
	}
	write := func(adapter string) string {
		var r api.WriteResult
		j.call(
			"write",
			api.WriteParams{
				Inference: api.Inference{
					Model:     "model",
					Adapter:   adapter,
					Source:    smallSource,
					Retrieval: smallRetrieval,
				},
				Context:  []api.Field{{Name: "word", Value: "Telescope"}},
				Sampling: api.Sampling{MaxTokens: new(12)},
			},
			&r,
		)
		return r.Text
	}
	alone, texts := map[string]api.EvaluateResult{}, map[string]string{}
	began := time.Now()
	for _, a := range []string{"", "a", "b"} {
		alone[a], texts[a] = evaluate(a), write(a)
	}
	loading := time.Since(began)
	require.Zero(t, j.gpu.LiveBuffers())
	require.Len(t, slices.Compact(slices.Sorted(maps.Values(texts))), 3, "each writes its own: %v", texts)

	var loaded api.LoadResult
	j.call("load", api.LoadParams{Model: "model", Adapters: []string{"a", "b", "a"}}, &loaded)
	require.Positive(t, loaded.LiveBytes)
	bytes, buffers := j.gpu.LiveBytes(), j.gpu.LiveBuffers()
	stages := 0
	for range 2 { // the second round shows that the first changed nothing
		for _, a := range []string{"b", "", "a"} {
			require.Equal(t, alone[a], evaluate(a), "adapter %q", a)
			require.Equal(t, texts[a], write(a), "adapter %q", a)
		}
	}
	require.Equal(t, buffers, j.gpu.LiveBuffers())
	// An adapter that is not resident is loaded for one call.
	j.giveAdapter("c", 4, []string{"q_proj", "down_proj"}, .2)
	require.Equal(t, alone["a"].Loss, evaluate("c").Loss)
	require.Equal(t, buffers, j.gpu.LiveBuffers())

	// A resident base is not loaded again, and an adapter that a method overwrites is read again.
	p := small("contextsft", "b")
	p.From, p.LoRA, p.Training.Epochs = "a", api.LoRA{}, new(1.)
	require.NoError(t, j.client.Call(context.Background(), "personalize", p, nil, func(_ string, raw json.RawMessage) {
		var e api.StageEvent
		if json.Unmarshal(raw, &e) == nil && e.Stage == "load" {
			stages++
		}
	}))
	require.Zero(t, stages)
	trained := evaluate("b")
	require.NotEqual(t, alone["b"].Loss, trained.Loss)
	require.NotEqual(t, alone["a"].Loss, trained.Loss)
	require.Less(t, j.gpu.LiveBytes(), bytes, "b's earlier values are gone")
	require.Equal(t, alone["a"], evaluate("a"))

	err := j.client.Call(
		context.Background(),
		"load",
		api.LoadParams{Model: "model", Adapters: []string{"a", "nowhere"}},
		nil,
		nil,
	)
	require.ErrorIs(t, err, fault.Missing)
	require.Equal(t, alone["a"], evaluate("a"), "the base is still there")
	j.call("unload", nil, nil)
	require.Zero(t, j.gpu.LiveBuffers())
	require.Equal(t, alone["a"], evaluate("a"))
	t.Logf("three adapters by loading the model each time: %v", loading.Round(time.Millisecond))
}

// TestKeptModel writes twice with a model that stays on the device between the calls. The second
// call loads nothing. A call that needs the model on another base releases it.
func TestKeptModel(t *testing.T) {
	j := newJob(t)
	write := func(keep bool, base string) (text string, loads int) {
		p := api.WriteParams{
			Inference: api.Inference{
				Loading: api.Loading{Base: base}, Model: "model", Keep: keep, Source: smallSource,
				Retrieval: smallRetrieval,
			},
			Context:  []api.Field{{Name: "word", Value: "Telescope"}},
			Sampling: api.Sampling{MaxTokens: new(12)},
		}
		var r api.WriteResult
		err := j.client.Call(t.Context(), "write", p, &r, func(_ string, raw json.RawMessage) {
			var e api.StageEvent
			if json.Unmarshal(raw, &e) == nil && e.Stage == api.StageLoad {
				loads++
			}
		})
		require.NoError(t, err)
		return r.Text, loads
	}
	first, loads := write(true, "")
	require.Equal(t, 1, loads)
	kept := j.gpu.LiveBuffers()
	require.Positive(t, kept)
	for _, keep := range []bool{true, false} {
		text, loads := write(keep, "")
		require.Equal(t, first, text)
		require.Zero(t, loads)
		require.Equal(t, kept, j.gpu.LiveBuffers())
	}
	_, loads = write(false, "f32")
	require.Equal(t, 1, loads)
	require.Zero(t, j.gpu.LiveBuffers())

	// A model that load keeps is not replaced.
	j.call("load", api.LoadParams{Model: "model"}, nil)
	held := j.gpu.LiveBuffers()
	write(true, "f32")
	require.Equal(t, held, j.gpu.LiveBuffers())
	j.call("unload", nil, nil)
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestReleaseOfAHeldModel checks that a resident model does not count as leaked.
func TestReleaseOfAHeldModel(t *testing.T) {
	j := newJob(t)
	j.giveAdapter("a", 4, []string{"q_proj"}, .2)
	j.call("load", api.LoadParams{Model: "model", Adapters: []string{"a"}}, nil)
	var r api.ReleaseResult
	j.call("release", nil, &r)
	require.Empty(t, r.Leaked)
	require.Zero(t, j.gpu.LiveBuffers())
	require.Zero(t, j.gpu.LiveBytes())
}

// TestFromStartsWhereTheAdapterIs compares the loss of the first step with the result of evaluate
// for the same texts and adapter, and the form of the written adapter with that of the first.
func TestFromStartsWhereTheAdapterIs(t *testing.T) {
	j := newJob(t)
	j.giveAdapter("a", 3, []string{"q_proj", "down_proj"}, .2)
	// Both methods use the same four items: evaluate as held-out items, without training items.
	raw, err := blob.ReadAll(context.Background(), j.store, "data/heldout.jsonl", 1<<20)
	require.NoError(t, err)
	lines := 0
	for i, c := range raw {
		if c == '\n' {
			if lines++; lines == 4 {
				j.write("four.jsonl", string(raw[:i+1]))
			}
		}
	}
	src := api.Source{History: "four.jsonl", Heldout: "four.jsonl"}
	losses := map[string]float64{}
	for _, adapter := range []string{"", "a"} {
		var want api.EvaluateResult
		j.call(
			"evaluate",
			api.EvaluateParams{
				Inference: api.Inference{
					Model: "model", Adapter: adapter, Source: api.Source{Heldout: "four.jsonl"},
					Retrieval: smallRetrieval,
				},
				NoHistory: true,
			},
			&want,
		)
		losses[adapter] = want.Loss
	}
	require.Greater(t, math.Abs(losses["a"]-losses[""]), .05)

	first := func(p api.PersonalizeParams) (loss float64) {
		require.NoError(
			t,
			j.client.Call(context.Background(), "personalize", p, nil, func(name string, raw json.RawMessage) {
				var e api.StepEvent
				if name == "step" && json.Unmarshal(raw, &e) == nil && e.Step == 1 {
					loss = e.Loss
				}
			}),
		)
		return loss
	}
	p := small("sft", "out/further")
	p.Source, p.Training = src, api.Training{Epochs: new(2.), BatchSize: new(4), LR: new(1e-3)}
	p.LoRA = api.LoRA{}
	require.InDelta(t, losses[""], first(p), 1e-5, "a new adapter changes nothing at first")
	p.From = "a"
	require.InDelta(t, losses["a"], first(p), 1e-5)

	ctx := context.Background()
	from, err := weights.ReadAdapter(ctx, j.store, "a")
	require.NoError(t, err)
	further, err := weights.ReadAdapter(ctx, j.store, "out/further")
	require.NoError(t, err)
	want := from.Shape()
	want.Provenance = weights.Provenance{Template: "plain", Base: "q8"}
	require.Equal(t, want, further.Shape(), "rank, alpha, targets and the base's name; and what it was made with")
	require.Equal(t, from.Paths(), further.Paths())
	require.NotEqual(t, from.Pairs, further.Pairs)

	p.LoRA.Rank = new(8)
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Mismatch)
	p.LoRA, p.Full = api.LoRA{}, true
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Unsupported)
	p.Full, p.From = false, "nowhere"
	require.ErrorIs(t, j.client.Call(ctx, "personalize", p, nil, nil), fault.Missing)
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestResumeKnowsItsOrigin checks that a run from another adapter does not resume the checkpoint.
func TestResumeKnowsItsOrigin(t *testing.T) {
	j := newJob(t)
	j.giveAdapter("a", 4, []string{"q_proj"}, .2)
	j.giveAdapter("b", 4, []string{"q_proj"}, .21)
	p := small("contextsft", "out")
	p.From, p.LoRA = "a", api.LoRA{}
	ctx, cancel := context.WithCancel(context.Background())
	err := j.client.Call(ctx, "personalize", p, nil, func(name string, _ json.RawMessage) {
		if name == "checkpoint" {
			cancel()
		}
	})
	require.ErrorIs(t, err, fault.Cancelled)
	p.Resume, p.From = true, "b"
	require.ErrorIs(t, j.client.Call(context.Background(), "personalize", p, nil, nil), fault.Mismatch)
	p.From = "a"
	var r api.PersonalizeResult
	require.NoError(t, j.client.Call(context.Background(), "personalize", p, &r, nil))
	require.Positive(t, r.Resumed)
}
