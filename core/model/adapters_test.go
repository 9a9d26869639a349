//go:build !wasm

package model_test

import (
	"bytes"
	"context"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// peftCase is an adapter that PEFT trained, from testdata/oracle/adapters.py.
type peftCase struct {
	name, model string
	adapter     *weights.Adapter
	ids         []int32
	logits      []float32
	greedy      []struct{ Prompt, Tokens []int32 }
}

func peftCases(t *testing.T, store blob.Store) (cases []peftCase) {
	ctx := context.Background()
	folders, err := filepath.Glob(oracle + "/adapters/*")
	require.NoError(t, err)
	require.Len(t, folders, 8)
	for _, folder := range folders {
		c := peftCase{name: filepath.Base(folder)}
		var source struct{ Model string }
		readJSON(t, folder+"/case.json", &source)
		c.model = path.Base(source.Model)
		c.ids = goldenIDs(t, c.model)
		readJSON(t, folder+"/greedy.json", &c.greedy)
		c.adapter, err = weights.ReadAdapter(ctx, store, "adapters/"+c.name+"/adapter")
		require.NoError(t, err)
		f, err := weights.Open(ctx, store, "adapters/"+c.name+"/logits.safetensors")
		require.NoError(t, err)
		c.logits, err = f.ReadF32(ctx, "logits")
		require.NoError(t, err)
		cases = append(cases, c)
	}
	return cases
}

// logitsAfter returns the logits after ids.
func logitsAfter(t *testing.T, m *model.Model, ids []int32) []float32 {
	t.Helper()
	ctx := context.Background()
	d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: len(ids), MaxNew: 1})
	require.NoError(t, err)
	defer d.Free()
	require.NoError(t, d.Start(ctx, ids, nil, greedy, 0, nil))
	got, err := d.Logits(ctx)
	require.NoError(t, err)
	return got[0]
}

// greedyAfter returns n greedy tokens after a prompt.
func greedyAfter(t *testing.T, m *model.Model, prompt []int32, n int) (out []int32) {
	t.Helper()
	ctx := context.Background()
	d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: len(prompt), MaxNew: n})
	require.NoError(t, err)
	defer d.Free()
	require.NoError(t, d.Start(ctx, prompt, nil, greedy, 0, nil))
	for d.Count() < n {
		require.NoError(t, d.Next(ctx, 0))
	}
	sampled, err := d.Sampled(ctx, 0)
	require.NoError(t, err)
	for _, s := range sampled {
		out = append(out, int32(s.ID))
	}
	return out
}

// TestAdaptersOfPEFT loads adapters that PEFT trained, in all its variants, and compares the logits
// and 64 greedy tokens on each prompt.
func TestAdaptersOfPEFT(t *testing.T) {
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	worst := 0.
	for _, c := range peftCases(t, store) {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, g, store, c.model)
			defer m.Free()
			a, err := m.AddAdapter(c.adapter, false)
			require.NoError(t, err)
			m.Use(a)
			vocab := m.Config.VocabSize
			for _, n := range []int{1, len(c.ids)} {
				want, got := c.logits[(n-1)*vocab:][:vocab], logitsAfter(t, m, c.ids[:n])
				require.InDeltaSlice(t, want, got, 1e-3, "after %d tokens", n)
				for i := range want {
					worst = max(worst, float64(max(want[i]-got[i], got[i]-want[i])))
				}
			}
			require.Len(t, c.greedy, 3)
			for _, row := range c.greedy {
				require.Equal(t, row.Tokens, greedyAfter(t, m, row.Prompt, len(row.Tokens)), "prompt %v", row.Prompt)
			}
			// Switching it off and on again restores the same logits.
			last := c.logits[len(c.logits)-vocab:]
			m.Use(nil)
			base := logitsAfter(t, m, c.ids)
			require.False(t, inDelta(last, base, .1))
			m.Use(a)
			require.InDeltaSlice(t, last, logitsAfter(t, m, c.ids), 1e-3)
			back, err := m.Adapter(context.Background())
			require.NoError(t, err)
			require.Equal(t, c.adapter, back, "the adapter read from the device equals the file")
		})
	}
	require.Zero(t, g.LiveBuffers())
	t.Logf("logits differ from PEFT's by at most %.1e", worst)
}

func inDelta(a, b []float32, delta float32) bool {
	for i := range a {
		if max(a[i]-b[i], b[i]-a[i]) > delta {
			return false
		}
	}
	return true
}

// TestFrozenAdapterTakesAQuarter checks that a frozen adapter has values only.
func TestFrozenAdapterTakesAQuarter(t *testing.T) {
	store := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	m := load(t, g, store, "gqa")
	defer m.Free()
	a, err := weights.ReadAdapter(context.Background(), store, "adapters/plain/adapter")
	require.NoError(t, err)
	size := func(trains bool) int64 {
		before := g.LiveBytes()
		on, err := m.AddAdapter(a, trains)
		require.NoError(t, err)
		defer m.RemoveAdapter(on)
		return g.LiveBytes() - before
	}
	require.Positive(t, size(false))
	require.Equal(t, size(true), 4*size(false))
}

// TestMergedIsTheSameModel merges each adapter into its base and loads the result as a model: the
// logits equal those of base and adapter.
func TestMergedIsTheSameModel(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	files := blob.FromFS(os.DirFS(oracle))
	g := nativetest.Open(t, store)
	for _, c := range peftCases(t, files) {
		t.Run(c.name, func(t *testing.T) {
			base, err := weights.OpenModel(ctx, files, "models/"+c.model)
			require.NoError(t, err)
			var merged bytes.Buffer
			require.NoError(t, weights.Merge(ctx, base, c.adapter, weights.F32, &merged, nil))
			config, err := blob.ReadAll(ctx, files, "models/"+c.model+"/config.json", 1<<20)
			require.NoError(t, err)
			config, err = weights.ConfigWithDType("config.json", config, base.Config, weights.F32)
			require.NoError(t, err)
			require.NoError(t, store.Write(ctx, "merged/config.json", config))
			require.NoError(t, store.Write(ctx, "merged/model.safetensors", merged.Bytes()))
			tune := kernels.DefaultTune(g.Info())
			m, err := model.Load(ctx, g, &tune, store, "merged", model.LoadOptions{})
			require.NoError(t, err)
			defer m.Free()
			vocab := m.Config.VocabSize
			require.InDeltaSlice(t, c.logits[len(c.logits)-vocab:], logitsAfter(t, m, c.ids), 1e-3)
		})
	}
}
