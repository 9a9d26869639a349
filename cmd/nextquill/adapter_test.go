package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
	"nextquill/models"
	"nextquill/native/dirstore"
)

// makeAdapter writes an adapter of rank 2 on q_proj and down_proj of the embedded model.
func makeAdapter(t *testing.T, dir string) *weights.Adapter {
	t.Helper()
	c, err := weights.ReadModelConfig(t.Context(), blob.FromFS(models.DefaultFS()), "")
	require.NoError(t, err)
	a := &weights.Adapter{Rank: 2, Alpha: 4, Targets: []string{"down_proj", "q_proj"}, BaseModel: "the/base",
		Pairs: map[string]weights.Pair{}}
	for i := range c.Layers {
		for _, part := range []string{"self_attn.q_proj", "mlp.down_proj"} {
			out, in, _ := c.LinearShape(part)
			p := weights.Pair{A: make([]float32, 2*in), B: make([]float32, 2*out), In: in, Out: out}
			p.A[0], p.A[in+1] = 3, 1 // rows of one value each: the update has norm 2·√(3²·1² + 1²·2²)
			p.B[0], p.B[3] = 1, 2
			a.Pairs[weights.LayerPath(i, part)] = p
		}
	}
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	require.NoError(t, weights.WriteAdapter(t.Context(), s, "", a))
	return a
}

func TestAdapterInfo(t *testing.T) {
	out := t.TempDir()
	makeAdapter(t, filepath.Join(out, "adapter"))
	r := invoke(t, t.Context(), &fakeEngine{}, "adapter", "info", "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stdout, "the/base", "2, alpha 4, scaled by alpha/rank", "down_proj, q_proj", "8 layers",
		"norm of the update", "block 3", "7.21")
	require.Empty(t, r.calls(t, "load"), "no engine is started")

	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "info", "--json", filepath.Join(out, "adapter"))
	require.Equal(t, exitOK, r.code, r.stderr)
	var answer struct{ Result adapterInfo }
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &answer))
	require.Len(t, answer.Result.Modules, 8)
	require.InDelta(t, 7.2111, answer.Result.Modules[0].Norm, 1e-4)
	require.Equal(t, 2., answer.Result.Modules[0].Scaling)
}

func TestAdapterVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	makeAdapter(t, dir)
	r := invoke(t, t.Context(), &fakeEngine{}, "adapter", "verify", dir)
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Contains(t, r.stdout, "is complete and fits the model: rank 2 on 8 layers")
	requireLines(t, r.stderr, `trained on "the/base", but this model is "nextquill-default"`)

	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "verify", dir, "--model", "../../testdata/oracle/models/gqa")
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, `module "model.layers.0.mlp.down_proj"`,
		"→ use the base model the adapter was trained on")

	half := makeAdapter(t, dir)
	half.BaseModel = "nextquill-default"
	for _, path := range half.Paths()[:5] {
		delete(half.Pairs, path)
	}
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	require.NoError(t, weights.WriteAdapter(t.Context(), s, "", half))
	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "verify", dir)
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, "has no tensors for 5 of the 8 layers that target_modules names: "+
		"model.layers.0.self_attn.q_proj, ", "model.layers.1.mlp.down_proj, …", "save or download the adapter again")
	require.NotContains(t, r.stderr, "trained on")
	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "verify", "--json", dir)
	require.Equal(t, exitFault, r.code)
	require.Contains(t, r.stdout, `"missing":["model.layers.0.self_attn.q_proj",`)

	makeAdapter(t, dir)
	file := filepath.Join(dir, weights.AdapterWeightsName)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data[:len(data)-4], 0o644))
	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "verify", dir)
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, file, "data_offsets ends at", "download it again")
}

func TestAdapterMerge(t *testing.T) {
	root := t.TempDir()
	dir, out := filepath.Join(root, "a"), filepath.Join(root, "new", "merged")
	a := makeAdapter(t, dir)
	r := invoke(t, t.Context(), &fakeEngine{}, "adapter", "merge", "--adapter", dir, "--dtype", "f32", "--out", out)
	require.Equal(t, exitOK, r.code, r.stderr)
	requireLines(t, r.stderr, "✓ merge", "8 layers changed")
	require.Contains(t, r.stdout, "--model "+out)

	store, err := dirstore.Open(out)
	require.NoError(t, err)
	names, err := store.List(t.Context(), "")
	require.NoError(t, err)
	require.Subset(t, names, []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"})
	merged, err := weights.OpenModel(t.Context(), store, "")
	require.NoError(t, err)
	base, err := weights.OpenModel(t.Context(), blob.FromFS(models.DefaultFS()), "")
	require.NoError(t, err)
	require.InEpsilon(t, base.Config.RMSNormEps, merged.Config.RMSNormEps, 1e-6) // GGUF keeps it in 32 bits
	base.Config.RMSNormEps = merged.Config.RMSNormEps
	require.Equal(t, base.Config, merged.Config)
	for _, info := range base.Tensors() {
		before, err := base.ReadF32(t.Context(), info.Name)
		require.NoError(t, err)
		after, err := merged.ReadF32(t.Context(), info.Name)
		require.NoError(t, err)
		if p, ok := a.Pairs[info.Name[:len(info.Name)-len(".weight")]]; ok {
			require.InDelta(t, before[0]+6, after[0], 1e-6)
			require.InDelta(t, before[p.In+1]+4, after[p.In+1], 1e-6)
			after[0], after[p.In+1] = before[0], before[p.In+1]
		}
		if elements, _ := info.DType.Block(); elements > 1 { // blocks are unpacked to F16
			packed := make([]byte, 2*len(before))
			gguf.Quantise(gguf.F16, packed, before)
			gguf.Dequantise(gguf.F16, before, packed)
			gguf.Quantise(gguf.F16, packed, after)
			gguf.Dequantise(gguf.F16, after, packed)
		}
		require.Equal(t, before, after, info.Name)
	}

	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "merge", "--adapter", dir, "--out", out)
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, `exists already and contains "config.json"`, "→ use the name of a new folder")
	r = invoke(t, t.Context(), &fakeEngine{}, "adapter", "merge", "--out", out)
	require.Equal(t, exitFault, r.code)
	requireLines(t, r.stderr, "--adapter: is missing")

	// An interrupted merge leaves nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r = invoke(t, ctx, &fakeEngine{}, "adapter", "merge", "--adapter", dir, "--out",
		filepath.Join(root, "new", "other"))
	require.Equal(t, exitInterrupted, r.code)
	left, err := os.ReadDir(filepath.Join(root, "new"))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWriteWithSeveralAdapters(t *testing.T) {
	root := t.TempDir()
	texts, mine, theirs := filepath.Join(root, "h.txt"), filepath.Join(root, "mine"), filepath.Join(root, "theirs")
	require.NoError(t, os.WriteFile(texts, []byte("a\n\nb\n"), 0o644))
	makeAdapter(t, mine)
	makeAdapter(t, theirs)
	r := invoke(t, t.Context(), &fakeEngine{}, "write", "ambition", "--history", texts, "--adapter", "none",
		"--adapter", mine, "--adapter", theirs, "--out", root)
	require.Equal(t, exitOK, r.code, r.stderr)
	loads := r.calls(t, "load")
	require.Len(t, loads, 1)
	require.Equal(t, []any{"out/mine", "out/theirs"}, loads[0]["adapters"], "they lie below the output folder")
	writes := r.calls(t, "write")
	require.Len(t, writes, 3)
	require.Nil(t, writes[0]["adapter"])
	require.Equal(t, "out/theirs", writes[2]["adapter"])
	requireLines(t, r.stdout, "the base model", mine, theirs)

	r = invoke(t, t.Context(), &fakeEngine{}, "write", "ambition", "--history", texts, "--adapter", mine, "--adapter",
		theirs, "--out", filepath.Join(root, "x"))
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, []any{"adapter", "adapter2"}, r.calls(t, "load")[0]["adapters"])
}
