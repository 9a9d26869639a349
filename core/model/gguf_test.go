//go:build !wasm

package model_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// TestGGUFLogitsMatchTransformers loads GGUF files of many types and compares their
// logits with those of transformers for the same files.
func TestGGUFLogitsMatchTransformers(t *testing.T) {
	store := blob.FromFS(os.DirFS("../weights/testdata/gguf"))
	g := nativetest.Open(t, store)
	for _, arch := range []string{"llama", "qwen2", "qwen3"} {
		t.Run(arch, func(t *testing.T) {
			requireLogits(t, g, store, arch, arch+"/logits.safetensors", 1)
		})
	}
}

// TestGGUFWithBrokenScale checks that the fault names the tensor when the scale of a block is
// infinite. The block is unpacked on the device.
func TestGGUFWithBrokenScale(t *testing.T) {
	ctx := context.Background()
	data, err := os.ReadFile("../weights/testdata/gguf/llama/model.gguf")
	require.NoError(t, err)
	store := &blob.Mem{}
	require.NoError(t, store.Write(ctx, "m/llama.gguf", data))
	source, err := weights.OpenModel(ctx, store, "m")
	require.NoError(t, err)
	const name = "model.layers.1.mlp.down_proj.weight"
	info, ok := source.Tensor(name)
	require.True(t, ok)
	require.Equal(t, weights.DType("Q8_0"), info.DType)
	copy(data[info.Begin+34:], []byte{0, 0x7c}) // the second block's scale
	data[info.Begin+36] = 1                     // its first value: not 0 times infinity
	require.NoError(t, store.Write(ctx, "m/llama.gguf", data))
	g := nativetest.Open(t, store)
	tune := kernels.DefaultTune(g.Info())
	_, err = model.Load(ctx, g, &tune, store, "m", model.LoadOptions{})
	require.ErrorIs(t, err, fault.NaN)
	require.ErrorContains(t, err, name)
}
