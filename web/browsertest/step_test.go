package browsertest_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// step runs golden cases of different presets, models and data types.
func (b *hostPage) step(t *testing.T) {
	b.open(t, nil)
	for _, name := range []string{"nextquill-lora", "edges-full", "nextquill-code-brain-lora", "q4-lora"} {
		t.Run(name, func(t *testing.T) { b.golden(t, name) })
	}
	b.requireNothingLeft(t)
}

// stepInF16 runs a step whose matrix products all read the base weights with shader-f16, whatever
// the tuning would choose here.
func (b *hostPage) stepInF16(t *testing.T) {
	o := b.open(t, nil)
	tune := kernels.DefaultTune(o.Device)
	require.Equal(t, !b.cpu, tune.Linear.Tiled, "%+v", tune)
	tune.Half = true
	raw, err := json.Marshal(map[string]kernels.Tune{o.Device.Name: tune})
	require.NoError(t, err)
	require.NoError(t, b.CallHarness(t.Context(), nil, "write", engine.TuneBlob, string(raw)))
	b.golden(t, "f16-tied-lora")
	b.requireNothingLeft(t)
}

// weakestDevice runs a step with WebGPU's default limits and no features.
func (b *hostPage) weakestDevice(t *testing.T) {
	o := b.open(t, map[string]any{"baseline": true})
	require.EqualValues(t, 128<<20, o.Device.MaxBindingSize)
	require.EqualValues(t, 8, o.Device.MaxStorageBuffers)
	require.False(t, o.Device.Subgroups)
	b.golden(t, "nextquill-code-full")
	b.requireNothingLeft(t)
}

func (b *hostPage) golden(t *testing.T, name string) {
	dir := "cases/" + name
	var c struct {
		Model string `json:"model"`
		Full  bool   `json:"full"`
		Base  string `json:"base"`
	}
	var options struct {
		Expert string `json:"expert"`
	}
	readJSON(t, path.Join(dir, "case.json"), &c)
	readJSON(t, path.Join(dir, "options.json"), &options)
	p := api.StepParams{
		Model: path.Join(dir, c.Model), Batch: dir + "/batch.json", Options: dir + "/options.json",
		Full: c.Full, Out: "out/" + name, Loading: api.Loading{Base: c.Base},
	}
	folders := []string{dir, p.Model}
	if !c.Full {
		p.Adapter = dir + "/adapter"
	}
	if options.Expert != "self" && options.Expert != "" {
		folders = append(folders, path.Join(dir, options.Expert))
	}
	require.NoError(t, b.CallHarness(t.Context(), nil, "put", filesBelow(t, folders)))

	began := time.Now()
	var got, want api.StepResult
	require.NoError(t, b.Call(t.Context(), "step", p, &got, nil))
	readJSON(t, path.Join(dir, "result.json"), &want)
	const tolerance = 1e-4
	worst := 0.0
	near := func(want, got float64) {
		require.InDelta(t, want, got, tolerance)
		worst = max(worst, math.Abs(want-got))
	}
	near(want.Loss, got.Loss)
	near(want.NTPLoss, got.NTPLoss)
	near(want.AlignLoss, got.AlignLoss)
	require.Len(t, got.Tokens, len(want.Tokens))
	for i, w := range want.Tokens {
		g := got.Tokens[i]
		require.Equal(t, [3]int{w.Sample, w.T, int(w.ID)}, [3]int{g.Sample, g.T, int(g.ID)})
		near(w.LogpWith, g.LogpWith)
		near(w.LogpWithout, g.LogpWithout)
		near(w.DCE, g.DCE)
		near(w.CEMCE, g.CEMCE)
		near(w.Omega, g.Omega)
	}
	share := b.gradients(t, p.Out+"/grads.safetensors", dir+"/grads.safetensors")
	t.Logf("%s: %d tokens in %.1f s, largest difference %.1e, of a gradient %.1e of its norm",
		name, len(got.Tokens), time.Since(began).Seconds(), worst, share)
}

// gradients checks every tensor: its difference has at most 1e-3 of its norm. It returns the
// largest share.
func (b *hostPage) gradients(t *testing.T, got, want string) (worst float64) {
	store := blob.NewMem(map[string][]byte{"grads": b.readBlob(t, got)})
	g, err := weights.Open(t.Context(), store, "grads")
	require.NoError(t, err)
	w, err := weights.Open(t.Context(), blob.FromFS(os.DirFS(oracle)), want)
	require.NoError(t, err)
	require.Len(t, g.Tensors(), len(w.Tensors()))
	for _, info := range w.Tensors() {
		a, err := w.ReadF32(t.Context(), info.Name)
		require.NoError(t, err)
		b, err := g.ReadF32(t.Context(), info.Name)
		require.NoError(t, err, info.Name)
		require.Len(t, b, len(a))
		var diff, norm float64
		for i := range a {
			diff += math.Pow(float64(a[i])-float64(b[i]), 2)
			norm += math.Pow(float64(a[i]), 2)
		}
		require.LessOrEqual(t, math.Sqrt(diff), 1e-3*math.Sqrt(norm)+1e-7, info.Name)
		if norm > 1e-12 {
			worst = max(worst, math.Sqrt(diff/norm))
		}
	}
	return worst
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(path.Join(oracle, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

// filesBelow lists the files in folders of the golden files.
func filesBelow(t *testing.T, folders []string) (names []string) {
	t.Helper()
	for _, folder := range folders {
		err := fs.WalkDir(os.DirFS(oracle), folder, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, name)
			}
			return err
		})
		require.NoError(t, err)
	}
	return names
}
