package convert_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
	"nextquill/core/weights/gguf"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
)

// converted is a written folder read through its manifest, with every file checked.
func converted(t *testing.T, dir string) (manifest.Manifest, blob.Store) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, manifest.FileName))
	require.NoError(t, err)
	m, err := manifest.Parse("manifest.json", data)
	require.NoError(t, err)
	store := manifest.Joined(m, blob.FromFS(os.DirFS(dir)))
	for _, f := range m.Files {
		require.NoError(t, f.Check(t.Context(), store, nil))
	}
	return m, store
}

// golden are small random models in Hugging Face and GGUF format.
var golden = blob.FromFS(os.DirFS("../../core/weights/testdata"))

// within is the maximum rounding error of each type, for values with a standard deviation of 0.2
// like those of the golden models.
var within = map[string]float64{"f32": 0, "f16": 1e-3, "bf16": 8e-3, "q8": 8e-3, "q4": .12}

// TestEveryFormatToEveryType converts models of each family and format and reads them back. Names
// and values must agree, so the row order of Llama's heads is converted and restored.
func TestEveryFormatToEveryType(t *testing.T) {
	for _, path := range []string{"gguf/llama", "gguf/qwen2", "gguf/qwen3/model.gguf", "bf16_tied_sharded",
		"f16_untied",
		"rope/llama3/hf", "rope/llama3/model.gguf", "rope/linear/hf", "rope/linear/model.gguf"} {
		source, err := weights.OpenModel(t.Context(), golden, path)
		require.NoError(t, err)
		for _, to := range convert.Types {
			dir := filepath.Join(t.TempDir(), "out")
			last := int64(-1)
			m, err := convert.Folder(t.Context(), golden, path, dir,
				convert.Options{Name: "tiny", To: to, Shard: 5000, Progress: func(done, total int64) {
					require.GreaterOrEqual(t, done, last)
					require.LessOrEqual(t, done, total)
					last = done
				}})
			require.NoError(t, err, "%s to %s", path, to)
			require.Equal(t, m.Size(), last)
			read, store := converted(t, dir)
			require.Equal(t, m, read)
			again, err := weights.OpenModel(t.Context(), store, "")
			require.NoError(t, err, "%s to %s", path, to)
			want := source.Config
			want.RMSNormEps, want.RopeTheta = float64(float32(want.RMSNormEps)), float64(float32(want.RopeTheta))
			for i, f := range source.Config.RopeFrequencies() {
				require.InEpsilon(t, f, again.Config.RopeFrequencies()[i], 1e-6)
			}
			// A GGUF file has divisors for the RoPE scaling of Llama 3.
			want.RopeScaling, want.RopeDivisors = again.Config.RopeScaling, again.Config.RopeDivisors
			require.Equal(t, want, again.Config)
			for _, shape := range weights.LlamaTensors(source.Config) {
				before, err := source.ReadF32(t.Context(), shape.Name)
				require.NoError(t, err)
				after, err := again.ReadF32(t.Context(), shape.Name)
				require.NoError(t, err)
				limit := within[to]
				if len(shape.Shape) == 1 {
					limit = 0
				}
				for i := range before {
					if math.Abs(float64(before[i]-after[i])) > limit {
						require.InDelta(t, before[i], after[i], limit, "%s to %s: %s[%d]", path, to, shape.Name, i)
					}
				}
			}
		}
	}
}

// TestBlocksAreCopiedUnchanged checks that tensors that already have the requested type are copied
// bit for bit.
func TestBlocksAreCopiedUnchanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	_, err := convert.Folder(t.Context(), golden, "gguf/llama", dir, convert.Options{Name: "tiny", To: "q8"})
	require.NoError(t, err)
	_, store := converted(t, dir)
	before, err := gguf.Open(t.Context(), golden, "gguf/llama/model.gguf")
	require.NoError(t, err)
	after, err := gguf.Open(t.Context(), store, convert.WeightsName)
	require.NoError(t, err)
	of := func(f *gguf.File, s blob.Store, name string) (gguf.Type, string) {
		for _, x := range f.Tensors {
			if x.Name == name {
				p := make([]byte, x.End-x.Begin)
				require.NoError(t, s.ReadAt(t.Context(), f.Name, p, x.Begin))
				return x.Type, string(p)
			}
		}
		t.Fatal(name)
		return "", ""
	}
	for _, name := range []string{"token_embd.weight", "blk.0.ffn_down.weight", "output_norm.weight"} {
		kind, want := of(before, golden, name)
		got, bytes := of(after, store, name)
		require.Equal(t, kind, got)
		require.Equal(t, want, bytes, name)
	}
	kind, _ := of(after, store, "blk.0.attn_q.weight")
	require.Equal(t, gguf.Q8_0, kind)
	require.Equal(t, before.Metadata["llama.rope.freq_base"], after.Metadata["llama.rope.freq_base"])
	require.Equal(t, uint64(7), after.Metadata["general.file_type"].Any())
}

// TestUnchangedFiles splits the embedded model into shards without other changes.
func TestUnchangedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	embedded := blob.FromFS(models.DefaultFS())
	m, err := convert.Folder(t.Context(), embedded, "", dir, convert.Options{Name: "default", Shard: 1 << 20})
	require.NoError(t, err)
	_, store := converted(t, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(1<<20), e.Name())
	}
	names, err := embedded.List(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, m.Files, len(names))
	require.Greater(t, len(entries), len(names)+2)
	for _, name := range names {
		want, err := blob.ReadAll(t.Context(), embedded, name, 1<<30)
		require.NoError(t, err)
		got, err := blob.ReadAll(t.Context(), store, name, 1<<30)
		require.NoError(t, err)
		require.Equal(t, manifest.Sum(want), manifest.Sum(got))
	}
	_, err = tokenizer.LoadModel(t.Context(), store, "")
	require.NoError(t, err)
}

func TestUnsupported(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine.txt"), []byte("x"), 0o644))
	_, err := convert.Folder(t.Context(), golden, "gguf/llama", full, convert.Options{To: "q8"})
	require.ErrorIs(t, err, fault.Mismatch)
	require.FileExists(t, filepath.Join(full, "mine.txt"))

	out := filepath.Join(t.TempDir(), "out")
	_, err = convert.Folder(t.Context(), golden, "gguf/llama", out, convert.Options{To: "q3"})
	require.ErrorContains(t, err, `type: "q3" is unknown; use one of [f32 f16 bf16 q8 q4]`)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = convert.Folder(ctx, golden, "gguf/llama", out,
		convert.Options{To: "q8", Progress: func(int64, int64) { cancel() }})
	require.ErrorIs(t, err, fault.Cancelled)
	require.NoDirExists(t, out)
	require.NoDirExists(t, out+".new")

	// A value that F16 cannot represent.
	config := map[string]any{"model_type": "llama", "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
		"num_attention_heads": 1,
		"vocab_size":          3, "tie_word_embeddings": true}
	raw, err := json.Marshal(config)
	require.NoError(t, err)
	c, err := weights.ParseConfig("", raw)
	require.NoError(t, err)
	var tensors []weights.Tensor
	for _, s := range weights.LlamaTensors(c) {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		tensors = append(tensors, weights.Tensor{Name: s.Name, Shape: s.Shape, Data: make([]float32, n)})
	}
	tensors[0].Data[5] = 1e5
	store := blob.NewMem(map[string][]byte{"config.json": raw, "model.safetensors": weights.Encode(tensors, nil)})
	_, err = convert.Folder(t.Context(), store, "", out, convert.Options{To: "f16"})
	require.ErrorIs(t, err, fault.OutOfRange)
	require.ErrorContains(t, err, `tensor "model.embed_tokens.weight": element 5 is 100000, which F16 cannot hold`)
}
