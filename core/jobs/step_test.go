//go:build !wasm

package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// oracle is the folder of golden files, which testdata/oracle/make.py writes.
const oracle = "../../testdata/oracle"

// overlay reads from one store and writes to memory.
type overlay struct {
	blob.Store
	below blob.Store
}

func (o overlay) Size(ctx context.Context, name string) (int64, error) {
	if n, err := o.Store.Size(ctx, name); err == nil {
		return n, nil
	}
	return o.below.Size(ctx, name)
}

func (o overlay) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if _, err := o.Store.Size(ctx, name); err == nil {
		return o.Store.ReadAt(ctx, name, p, off)
	}
	return o.below.ReadAt(ctx, name, p, off)
}

// open returns a client on this machine's device over the folder dir.
func open(t *testing.T, dir string) (api.Client, blob.Store) {
	t.Helper()
	store := overlay{&blob.Mem{}, blob.FromFS(os.DirFS(dir))}
	g := nativetest.Open(t, store)
	return newClient(g, store), store
}

type goldenCase struct {
	Model string `json:"model"`
	Full  bool   `json:"full"`
	Base  string `json:"base"`
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

// TestStepMatchesPyTorch runs every golden case: every preset, LoRA and full, on models with
// grouped KV heads, tied and untied embeddings, F32, F16 and BF16, on bases in f32, f16, q8 and q4.
func TestStepMatchesPyTorch(t *testing.T) {
	folders, err := filepath.Glob(oracle + "/cases/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	client, store := open(t, oracle)
	for _, dir := range folders {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			var kept []byte // gradients of the variant that keeps activations
			for _, variant := range []struct {
				name      string
				budget    *int
				recompute bool
			}{{"one batch", nil, false}, {"micro-batches", new(64), false}, {"recompute", nil, true}} {
				t.Run(variant.name, func(t *testing.T) {
					checkCase(t, client, store, name, variant.budget, &variant.recompute)
					grads, err := blob.ReadAll(t.Context(), store, "out/"+name+"/grads.safetensors", 1<<30)
					require.NoError(t, err)
					switch variant.name {
					case "one batch":
						kept = grads
					case "recompute":
						require.True(t, bytes.Equal(kept, grads), "the bits are those without it")
					}
				})
			}
		})
	}
}

func checkCase(t *testing.T, client api.Client, store blob.Store, name string, budget *int, recompute *bool) {
	dir := "cases/" + name
	var c goldenCase
	readJSON(t, filepath.Join(oracle, dir, "case.json"), &c)
	p := api.StepParams{
		Model: path.Join(dir, c.Model), Batch: dir + "/batch.json", Options: dir + "/options.json", Full: c.Full,
		Loading: api.Loading{Base: c.Base}, Out: "out/" + name, TokenBudget: budget, Recompute: recompute,
	}
	if !c.Full {
		p.Adapter = dir + "/adapter"
	}
	checkStep(t, client, store, dir, p)
}

// TestStepSplitsALongSample compares a step over a sample of 460 response tokens, in a model with
// 256 positions, with PyTorch on its windows.
func TestStepSplitsALongSample(t *testing.T) {
	client, store := open(t, oracle)
	const dir = "windows/step"
	var c struct{ Model, Adapter string }
	readJSON(t, filepath.Join(oracle, dir, "case.json"), &c)
	checkStep(t, client, store, dir, api.StepParams{
		Model: path.Join(dir, c.Model), Adapter: path.Join(dir, c.Adapter), Batch: dir + "/batch.json",
		Options: dir + "/options.json", Out: "out/long",
	})
}

// checkStep runs a step and compares it with the golden files in dir.
func checkStep(t *testing.T, client api.Client, store blob.Store, dir string, p api.StepParams) {
	t.Helper()
	var got, want api.StepResult
	require.NoError(t, client.Call(context.Background(), "step", p, &got, nil))
	readJSON(t, filepath.Join(oracle, dir, "result.json"), &want)
	// f32 on this device is more precise than that.
	const tolerance = 1e-4
	require.InDelta(t, want.Loss, got.Loss, tolerance)
	require.InDelta(t, want.NTPLoss, got.NTPLoss, tolerance)
	require.InDelta(t, want.AlignLoss, got.AlignLoss, tolerance)
	require.Len(t, got.Tokens, len(want.Tokens))
	for i, w := range want.Tokens {
		g := got.Tokens[i]
		require.Equal(t, [3]int{w.Sample, w.T, int(w.ID)}, [3]int{g.Sample, g.T, int(g.ID)})
		require.InDelta(t, w.LogpWith, g.LogpWith, tolerance)
		require.InDelta(t, w.LogpWithout, g.LogpWithout, tolerance)
		require.InDelta(t, w.DCE, g.DCE, tolerance)
		require.InDelta(t, w.CEMCE, g.CEMCE, tolerance)
		require.InDelta(t, w.Omega, g.Omega, 1e-6, "DCE %g", w.DCE)
	}
	checkGradients(t, store, p.Out+"/grads.safetensors", filepath.Join(oracle, dir, "grads.safetensors"))
}

// checkGradients compares every tensor within a relative norm of 1e-3.
func checkGradients(t *testing.T, store blob.Store, got, want string) {
	ctx := context.Background()
	g, err := weights.Open(ctx, store, got)
	require.NoError(t, err)
	w, err := weights.Open(ctx, blob.FromFS(os.DirFS(filepath.Dir(want))), filepath.Base(want))
	require.NoError(t, err)
	require.Len(t, g.Tensors(), len(w.Tensors()))
	for _, info := range w.Tensors() {
		a, err := w.ReadF32(ctx, info.Name)
		require.NoError(t, err)
		b, err := g.ReadF32(ctx, info.Name)
		require.NoError(t, err, info.Name)
		require.Len(t, b, len(a))
		var diff, norm float64
		for i := range a {
			diff += math.Pow(float64(a[i])-float64(b[i]), 2)
			norm += math.Pow(float64(a[i]), 2)
		}
		require.LessOrEqual(t, math.Sqrt(diff), 1e-3*math.Sqrt(norm)+1e-7, "%s: norm %g", info.Name, math.Sqrt(norm))
	}
}
