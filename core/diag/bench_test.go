//go:build !wasm

package diag_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/diag"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/models"
	"nextquill/native/nativetest"
)

// job is a client with the embedded model under "model".
type job struct {
	client api.Client
	store  *blob.Mem
	gpu    *gpu.Context
}

func newJob(t *testing.T) *job {
	t.Helper()
	j := &job{store: &blob.Mem{}}
	names, err := fs.Glob(models.DefaultFS(), "*")
	require.NoError(t, err)
	for _, name := range names {
		raw, err := fs.ReadFile(models.DefaultFS(), name)
		require.NoError(t, err)
		require.NoError(t, j.store.Write(t.Context(), "model/"+name, raw))
	}
	j.gpu = nativetest.Open(t, j.store)
	e := engine.New(engine.Host{GPU: j.gpu, Blobs: j.store})
	j.client = rpc.Local(e.NewServer(diag.Methods(e)))
	return j
}

// TestBench times a short sample: every kernel of the step is there, with shares
// that add up.
func TestBench(t *testing.T) {
	j := newJob(t)
	var r api.BenchResult
	p := api.BenchParams{
		Model:    "model",
		Prefix:   3,
		History:  20,
		Suffix:   4,
		Response: 8,
		Repeats:  new(1),
		LoRA:     api.LoRA{Rank: new(4), Alpha: new(4.)},
	}
	require.NoError(t, j.client.Call(t.Context(), "bench", p, &r, nil))
	require.Len(t, r.Steps, 2)
	require.Equal(t, 3+20+4+8-1, r.Steps[0].Tokens)
	require.Equal(t, 3+20+4+8-1+4+4+8-1, r.Steps[1].Tokens)
	require.Positive(t, r.MatmulGFLOPS)
	require.InDelta(t, r.Steps[1].Seconds/r.Steps[0].Seconds, r.Ratio, 1e-9)
	var share float64
	for _, k := range r.Kernels {
		share += k.Share
	}
	require.InDelta(t, 1, share, 1e-6)
	require.Len(t, r.Decode, 2)
	for _, d := range r.Decode {
		require.Positive(t, d.TokenSeconds)
	}
	require.Equal(t, 4*7+4, r.Decode[0].Dispatches) // four layers; embedding, norm, head and sampling

	p.Bases, p.Repeats = []string{"f32", "q8", "q4"}, new(3) // the best of three, on a machine that may be busy
	require.NoError(t, j.client.Call(t.Context(), "bench", p, &r, nil))
	require.Len(t, r.Bases, 3)
	for i, b := range r.Bases {
		require.Equal(t, p.Bases[i], b.Base)
		require.Positive(t, b.Train)
		require.Greater(t, b.Forward, b.Train)
	}
	require.Less(t, r.Bases[2].Bytes, r.Bases[1].Bytes)
	require.Zero(t, j.gpu.LiveBuffers())
}

// TestBenchOfABatch steps a batch with all weights: each step starts where the one
// before ended, so the losses fall.
func TestBenchOfABatch(t *testing.T) {
	j := newJob(t)
	require.NoError(
		t,
		j.store.Write(
			t.Context(),
			"batch.json",
			[]byte(
				`{"samples":[{"with":[1,5,6],"without":[1],"response":[7,8,9,2]},`+
					`{"with":[1,4],"without":[1],"response":[9,2]}]}`,
			),
		),
	)
	p := api.BenchParams{
		Model: "model", Full: true, Presets: []string{"sft"}, Batch: "batch.json",
		LR: new(1e-4), Repeats: new(3), StepsOnly: true,
		Prefix: 1, History: 1, Suffix: 1, Response: 1,
	}
	var r api.BenchResult
	require.NoError(t, j.client.Call(t.Context(), "bench", p, &r, nil))
	require.Len(t, r.Steps, 1)
	require.Equal(t, 1+4-1+1+2-1, r.Steps[0].Tokens, "sft has no history in its prompts")
	require.Len(t, r.Steps[0].Runs, 3)
	require.Len(t, r.Steps[0].Losses, 3)
	require.Greater(t, r.Steps[0].Losses[0], r.Steps[0].Losses[1])
	require.Greater(t, r.Steps[0].Losses[1], r.Steps[0].Losses[2])
	require.Empty(t, r.Kernels)

	p.Presets = []string{"nextquill"}
	require.ErrorIs(t, j.client.Call(t.Context(), "bench", p, &r, nil), fault.Unsupported)
}
