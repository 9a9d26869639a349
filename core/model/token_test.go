//go:build !wasm

package model_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/internal/half"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native"
	"nextquill/native/nativetest"
)

// TestDispatchesPerToken counts the dispatches for a model of 30 layers, as many as SmolLM2 has.
// Widths do not matter, as long as a matrix fits into a binding.
func TestDispatchesPerToken(t *testing.T) {
	require.Less(t, kernels.F32.RowBytes(576)*49152, gpu.RequiredBindingSize) // SmolLM2's largest
	ctx := context.Background()
	store := &blob.Mem{}
	random(t, store, 300, 30)
	for _, cpu := range []bool{false, true} {
		g := gpu.NewContext(gpu.Dry{Limits: gpu.Info{
			Name: "dry", CPU: cpu, MaxBindingSize: gpu.RequiredBindingSize, MaxBufferSize: gpu.RequiredBufferSize,
			MaxStorageBuffers: gpu.RequiredStorageBuffers,
		}})
		tune := kernels.DefaultTune(g.Info())
		m, err := model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
		require.NoError(t, err)
		for _, adapter := range []bool{false, true} {
			if adapter {
				require.NoError(t, m.AttachLoRA(model.LoRASpec{Rank: 8, Alpha: 16}, 1))
			}
			// Embedding, final norm, head and sampling. The second branch gets a copy of the
			// embedding.
			require.Equal(t, 30*7+4, dispatches(t, m, false), "CPU %v, adapter %v", cpu, adapter)
			require.Equal(t, 30*7+5, dispatches(t, m, true), "CPU %v, adapter %v", cpu, adapter)
		}
		m.Free()
		require.Zero(t, g.LiveBuffers())
	}
}

// dispatches is the number per token.
func dispatches(t *testing.T, m *model.Model, dual bool) int {
	t.Helper()
	d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 8, MaxNew: 4, Dual: dual})
	require.NoError(t, err)
	defer d.Free()
	return d.Dispatches()
}

// TestTokensOfUnjoinedLayers decodes on a device with small bindings: the matrices of a layer do
// not fit into one buffer, the head is in parts, and so are the factors of the adapter.
func TestTokensOfUnjoinedLayers(t *testing.T) {
	store := &blob.Mem{}
	randomOf(t, store, 300, 3, 160, 160)
	dev, err := native.Open(store)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(weak{dev, 160 << 10, 8})
	tune := kernels.DefaultTune(g.Info())
	m, err := model.Load(t.Context(), g, &tune, store, "m", model.LoadOptions{})
	require.NoError(t, err)
	require.Greater(t, dispatches(t, m, false), 3*7+4)
	cacheEqualsPacked(t, m)
	attachRandom(t, m, []string{"all"})
	cacheEqualsPacked(t, m)
	m.Free()
	require.Zero(t, g.LiveBuffers())
}

// TestTokensOfMixedLayers decodes with a layer whose matrices have different formats, between two
// layers that the kernels of a token can run, with an adapter on all of them.
func TestTokensOfMixedLayers(t *testing.T) {
	store := &blob.Mem{}
	random(t, store, 97, 3)
	toHalf(t, store, weights.LayerPath(1, "self_attn.k_proj")+".weight")
	g := nativetest.Open(t, store)
	tune := kernels.DefaultTune(g.Info())
	m, err := model.Load(t.Context(), g, &tune, store, "m", model.LoadOptions{})
	require.NoError(t, err)
	defer m.Free()
	require.Equal(t, "f32+f16", m.Base())
	require.Greater(t, dispatches(t, m, false), 3*7+4)
	attachRandom(t, m, []string{"all"})
	cacheEqualsPacked(t, m)
}

// toHalf rewrites m with one tensor as F16, rounded.
func toHalf(t *testing.T, store blob.Store, name string) {
	t.Helper()
	file, err := weights.Open(t.Context(), store, "m/"+weights.SingleName)
	require.NoError(t, err)
	header, data := map[string]any{}, []byte(nil)
	for _, info := range file.Tensors() {
		values, err := file.ReadF32(t.Context(), info.Name)
		require.NoError(t, err)
		begin, dtype := len(data), "F32"
		for _, v := range values {
			if info.Name == name {
				dtype = "F16"
				data = binary.LittleEndian.AppendUint16(data, half.Round(v))
			} else {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			}
		}
		header[info.Name] = map[string]any{"dtype": dtype, "shape": info.Shape, "data_offsets": []int{begin, len(data)}}
	}
	raw, err := json.Marshal(header)
	require.NoError(t, err)
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(raw)))
	out = append(append(out, raw...), data...)
	require.NoError(t, store.Write(t.Context(), "m/"+weights.SingleName, out))
}
