//go:build !wasm

package model_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/native"
	"nextquill/native/nativetest"
)

// stepped is the result of one step and one decoded token.
type stepped struct {
	tokens []kernels.Token
	grads  []float32
	logits []float32
	bytes  int64 // of the model's weights
}

// step runs one step and one decoded token of a model of blobs.
func step(t *testing.T, g *gpu.Context, blobs blob.Store, base string) stepped {
	t.Helper()
	ctx := context.Background()
	tune := kernels.DefaultTune(g.Info())
	before := g.LiveBytes()
	m, err := model.Load(ctx, g, &tune, blobs, "m", model.LoadOptions{Base: base})
	require.NoError(t, err)
	defer m.Free()
	out := stepped{bytes: g.LiveBytes() - before}
	require.NoError(t, m.AttachLoRA(model.LoRASpec{Rank: 4, Alpha: 4}, 1))
	for i, e := range m.Params.Entries {
		b := make([]float32, e.Rows*e.Columns)
		for j := range b {
			b[j] = float32((i+3*j)%11-5) * .01
		}
		m.Params.Set(i, b)
	}
	o, err := causal.Preset("nextquill-code")
	require.NoError(t, err)
	s, err := m.NewStep(model.StepSpec{MaxTokens: 64, MaxResponses: 4, Objective: o, Dual: true, Backward: true})
	require.NoError(t, err)
	defer s.Free()
	last := int32(m.Config.VocabSize - 1)
	sample := causal.Sample{
		With: []int32{0, 5, 9, 2, 70, last}, Without: []int32{0, 7}, Response: []int32{last, 2, 1, 99},
	}
	m.Params.ResetOptimizer()
	packed := causal.Pack([]causal.Sample{sample}, 0, true)
	require.NoError(t, s.Run(ctx, packed, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, nil))
	out.tokens, err = s.Tokens(ctx, len(sample.Response))
	require.NoError(t, err)
	grads, err := m.Params.ReadGrads(ctx)
	require.NoError(t, err)
	for _, g := range grads {
		out.grads = append(out.grads, g...)
	}
	d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 8, MaxNew: 1})
	require.NoError(t, err)
	defer d.Free()
	require.NoError(t, d.Start(ctx, sample.With, nil, greedy, 0, nil))
	logits, err := d.Logits(ctx)
	require.NoError(t, err)
	out.logits = logits[0]
	return out
}

// TestSplitMatrices runs a model whose embedding, head and MLP need three or more parts on a device
// with small bindings, and compares it with the same model in one part.
func TestSplitMatrices(t *testing.T) {
	blobs := &blob.Mem{}
	randomOf(t, blobs, 1030, 2, 128, 100)
	dev, err := native.Open(blobs)
	require.NoError(t, err)
	defer dev.Close()
	narrow := &weak{dev, 0, 8}
	g := gpu.NewContext(narrow)
	for base, limit := range map[string]int64{"f32": 40_000, "f16": 36_000, "q8": 34_000, "q4": 34_000} {
		t.Run(base, func(t *testing.T) {
			narrow.binding = 1 << 27
			want := step(t, g, blobs, base)
			narrow.binding = limit
			require.Greater(t, int64(1030*kernelBytes(t, base, 128)), 2*limit, "the embedding needs three parts")
			got := step(t, g, blobs, base)
			for i := range want.tokens {
				require.InDelta(t, want.tokens[i].LogpWith, got.tokens[i].LogpWith, 1e-5)
				require.InDelta(t, want.tokens[i].DCE, got.tokens[i].DCE, 1e-5)
			}
			requireClose(t, want.logits, got.logits, 1e-5)
			requireClose(t, want.grads, got.grads, 1e-4)
			require.Zero(t, g.LiveBuffers())
		})
	}
	_, err = g.Close()
	require.NoError(t, err)
}

func kernelBytes(t *testing.T, base string, columns int) int {
	f, err := kernels.ParseFormat(base)
	require.NoError(t, err)
	return f.RowBytes(columns)
}

// requireClose compares values relative to the largest of them.
func requireClose(t *testing.T, want, got []float32, tolerance float64) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	var most float64
	for _, v := range want {
		most = max(most, float64(max(v, -v)))
	}
	require.InDeltaSlice(t, want, got, tolerance*most)
}

// TestAutoIsExact compares a GGUF model of many types in its own formats with the same model in
// f32: the logits are bit-equal, because every value is the same.
func TestAutoIsExact(t *testing.T) {
	ctx := context.Background()
	blobs := blob.FromFS(os.DirFS("../weights/testdata/gguf"))
	g := nativetest.Open(t, blobs)
	tune := kernels.DefaultTune(g.Info())
	for _, arch := range []string{"llama", "qwen2", "qwen3"} {
		t.Run(arch, func(t *testing.T) {
			states, logits := map[string][]float32{}, map[string][]float32{}
			bytes := map[string]int64{}
			for _, base := range []string{"f32", "auto"} {
				before := g.LiveBytes()
				m, err := model.Load(ctx, g, &tune, blobs, arch, model.LoadOptions{Base: base})
				require.NoError(t, err)
				bytes[base] = g.LiveBytes() - before
				e, err := m.NewEncoder(4)
				require.NoError(t, err)
				sample := causal.Sample{With: []int32{1}, Without: []int32{1}, Response: []int32{2, 3, 4, 5}}
				states[base], err = e.Run(ctx, causal.Pack([]causal.Sample{sample}, 0, false), nil)
				require.NoError(t, err)
				e.Free()
				d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 4, MaxNew: 1})
				require.NoError(t, err)
				require.NoError(t, d.Start(ctx, []int32{1, 2, 3, 4}, nil, greedy, 0, nil))
				got, err := d.Logits(ctx)
				require.NoError(t, err)
				logits[base] = got[0]
				d.Free()
				m.Free()
			}
			require.Equal(t, states["f32"], states["auto"])
			// The kernel of the logits sums a block before it scales it.
			require.InDeltaSlice(t, logits["f32"], logits["auto"], 2e-6)
			require.Less(t, bytes["auto"], bytes["f32"]*3/4)
		})
	}
}

// TestBaseRefused checks that unknown bases, and bases that cannot train, are refused.
func TestBaseRefused(t *testing.T) {
	ctx := context.Background()
	blobs := &blob.Mem{}
	random(t, blobs, 100, 1)
	g := nativetest.Open(t, blobs)
	tune := kernels.DefaultTune(g.Info())
	load := func(o model.LoadOptions) error {
		m, err := model.Load(ctx, g, &tune, blobs, "m", o)
		if err == nil {
			m.Free()
		}
		return err
	}
	err := load(model.LoadOptions{Base: "q5"})
	require.ErrorIs(t, err, fault.OutOfRange)
	require.ErrorContains(t, err, "q8")
	err = load(model.LoadOptions{Base: "q4", Full: true})
	require.ErrorIs(t, err, fault.Unsupported)
	require.ErrorContains(t, err, "adapter")
	require.NoError(t, load(model.LoadOptions{Base: "f32", Full: true}))
	require.NoError(t, load(model.LoadOptions{Base: "auto", Full: true}))
}
