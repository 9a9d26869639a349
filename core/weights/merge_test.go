package weights

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

const oracle = "../../testdata/oracle"

// mergeCase returns an adapter trained with PEFT, and its base.
func mergeCase(t *testing.T, name string) (base Source, a *Adapter, changed []string, config []byte) {
	t.Helper()
	store := blob.FromFS(os.DirFS(oracle))
	raw, err := os.ReadFile(oracle + "/adapters/" + name + "/case.json")
	require.NoError(t, err)
	var c struct {
		Model   string
		Changed []string
	}
	require.NoError(t, json.Unmarshal(raw, &c))
	dir := "models/" + filepath.Base(c.Model)
	base, err = OpenModel(t.Context(), store, dir)
	require.NoError(t, err)
	a, err = ReadAdapter(t.Context(), store, "adapters/"+name+"/adapter")
	require.NoError(t, err)
	config, err = os.ReadFile(oracle + "/" + dir + "/config.json")
	require.NoError(t, err)
	return base, a, c.Changed, config
}

func merge(t *testing.T, base Source, a *Adapter, dtype DType) *File {
	t.Helper()
	var b bytes.Buffer
	var last, total int64
	require.NoError(t, Merge(t.Context(), base, a, dtype, &b, func(done, all int64) {
		require.Greater(t, done, last)
		last, total = done, all
	}))
	require.Equal(t, total, last)
	f, err := Open(t.Context(), blob.NewMem(map[string][]byte{"f": b.Bytes()}), "f")
	require.NoError(t, err)
	return f
}

func values(t *testing.T, f *File, name string) []float32 {
	t.Helper()
	v, err := f.ReadF32(t.Context(), name)
	require.NoError(t, err)
	return v
}

// TestMergeMatchesPEFT compares merged weights with those of merge_and_unload. They are equal
// except for rounding: PEFT rounds the update and then the sum, Merge rounds only the sum.
func TestMergeMatchesPEFT(t *testing.T) {
	folders, err := filepath.Glob(oracle + "/adapters/*")
	require.NoError(t, err)
	require.Len(t, folders, 8)
	epsilon := map[DType]float64{F32: 0x1p-20, F16: 0x1p-10, BF16: 0x1p-7}
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			base, a, changed, _ := mergeCase(t, name)
			got := merge(t, base, a, "")
			peft, err := Open(t.Context(), blob.FromFS(os.DirFS(folder)), "merged.safetensors")
			require.NoError(t, err)
			require.Len(t, peft.Tensors(), len(changed))
			require.Len(t, a.Pairs, len(changed))
			for _, info := range got.Tensors() {
				before, _ := base.Tensor(info.Name)
				require.Equal(t, before.DType, info.DType, info.Name)
				require.Equal(t, before.Shape, info.Shape, info.Name)
				merged, old := values(t, got, info.Name), values(t, base.File, info.Name)
				if !slices.Contains(changed, info.Name) {
					require.Equal(t, old, merged, info.Name)
					continue
				}
				for i, want := range values(t, peft, info.Name) {
					size := max(math.Abs(float64(want)), math.Abs(float64(old[i])), math.Abs(float64(want-old[i])))
					require.InDelta(t, want, merged[i], epsilon[info.DType]*size+0x1p-22, "%s %d", info.Name, i)
				}
			}
		})
	}
}

func TestMergeTypes(t *testing.T) {
	base, a, _, config := mergeCase(t, "half")
	exact := merge(t, base, a, F32)
	for dtype, epsilon := range map[DType]float64{F32: 0, F16: 0x1p-11, BF16: 0x1p-8} {
		f := merge(t, base, a, dtype)
		for _, info := range f.Tensors() {
			require.Equal(t, dtype, info.DType)
			got := values(t, f, info.Name)
			for i, want := range values(t, exact, info.Name) {
				require.InDelta(t, want, got[i], epsilon*math.Abs(float64(want))+1e-7)
			}
		}
		written, err := ConfigWithDType("config.json", config, base.Config, dtype)
		require.NoError(t, err)
		var c map[string]any
		require.NoError(t, json.Unmarshal(written, &c))
		require.Equal(t, torchNames[dtype], c["torch_dtype"])
		before, err := ParseConfig("config.json", config)
		require.NoError(t, err)
		after, err := ParseConfig("config.json", written)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	same, err := ConfigWithDType("config.json", config, base.Config, "")
	require.NoError(t, err)
	require.JSONEq(t, string(config), string(same))
}

func TestMergeErrors(t *testing.T) {
	ctx := t.Context()
	base, a, _, _ := mergeCase(t, "half")
	_, other, _, _ := mergeCase(t, "plain")
	var b bytes.Buffer
	require.ErrorIs(t, Merge(ctx, base, other, "", &b, nil), fault.Mismatch)
	require.ErrorIs(t, Merge(ctx, base, a, "I8", &b, nil), fault.Unsupported)
	require.Zero(t, b.Len(), "nothing is written that was not checked")

	stopped, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, Merge(stopped, base, a, "", &b, nil), fault.Cancelled)
	require.ErrorIs(t, Merge(ctx, base, a, "", &fullDisk{room: 3000}, nil), fault.Storage)

	path := a.Paths()[0]
	pair := a.Pairs[path]
	pair.A, pair.B = slices.Clone(pair.A), slices.Clone(pair.B)
	pair.A[0], pair.B[0] = 1e3, 1e3
	a.Pairs[path] = pair
	err := Merge(ctx, base, a, "", &b, nil)
	require.ErrorIs(t, err, fault.OutOfRange)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "which F16 cannot hold")
	require.NoError(t, Merge(ctx, base, a, BF16, &b, nil))
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, fault.New(fault.Storage, "disk", "", "is full")
	}
	return len(p), nil
}

// TestMergeIntoGGUF merges into a base of packed blocks with reordered rows, and writes the config
// that the GGUF file lacks.
func TestMergeIntoGGUF(t *testing.T) {
	for _, arch := range []string{"llama", "qwen2", "qwen3"} {
		t.Run(arch, func(t *testing.T) {
			base, err := OpenModel(t.Context(), golden, "gguf/"+arch)
			require.NoError(t, err)
			a := &Adapter{Rank: 1, Alpha: 1, Targets: []string{"q_proj"}, Pairs: map[string]Pair{}}
			out, in, _ := base.Config.LinearShape("self_attn.q_proj")
			p := Pair{A: make([]float32, in), B: make([]float32, out), In: in, Out: out}
			p.A[3], p.B[5] = 2, .25 // adds a half to row 5, column 3
			path := LayerPath(0, "self_attn.q_proj")
			a.Pairs[path] = p
			f := merge(t, base, a, F32)
			for _, info := range f.Tensors() {
				want := values(t, base.File, info.Name)
				if info.Name == path+".weight" {
					want[5*in+3] += .5
				}
				require.Equal(t, want, values(t, f, info.Name), info.Name)
			}
			kept := merge(t, base, a, "")
			down, _ := kept.Tensor(LayerPath(0, "mlp.down_proj") + ".weight")
			require.Equal(t, F16, down.DType, "packed weights become F16")
			norm, _ := kept.Tensor(NormName)
			require.Equal(t, F32, norm.DType)
			requireSameConfig(t, base.Config)
		})
	}
	for _, path := range []string{"linear/model.gguf", "linear/hf", "llama3/hf"} {
		c, err := ReadModelConfig(t.Context(), golden, "rope/"+path)
		require.NoError(t, err)
		requireSameConfig(t, c)
	}
	c, err := ReadModelConfig(t.Context(), golden, "rope/llama3/model.gguf")
	require.NoError(t, err)
	_, err = ConfigJSON(c, F32)
	require.ErrorIs(t, err, fault.Unsupported)
}

// requireSameConfig writes a config.json and reads it back.
func requireSameConfig(t *testing.T, c Config) {
	t.Helper()
	config, err := ConfigJSON(c, F16)
	require.NoError(t, err)
	again, err := ParseConfig("config.json", config)
	require.NoError(t, err)
	require.Equal(t, c, again)
}
