//go:build !wasm

package model_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// requireLogits loads the model in a folder and compares its logits with those of a golden file,
// which has "ids" [n] and "logits" [n, vocabulary]. It compares after the first few ids and after
// all.
func requireLogits(t *testing.T, g *gpu.Context, store blob.Store, folder, golden string, few int) {
	ctx := context.Background()
	f, err := weights.Open(ctx, store, golden)
	require.NoError(t, err)
	want, err := f.ReadF32(ctx, "logits")
	require.NoError(t, err)
	prompt, err := f.ReadF32(ctx, "ids")
	require.NoError(t, err)
	ids := make([]int32, len(prompt))
	for i, id := range prompt {
		ids[i] = int32(id)
	}
	tune := kernels.DefaultTune(g.Info())
	m, err := model.Load(ctx, g, &tune, store, folder, model.LoadOptions{})
	require.NoError(t, err)
	defer m.Free()
	for _, n := range []int{few, len(ids)} {
		d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: n, MaxNew: 1})
		require.NoError(t, err)
		require.NoError(t, d.Start(ctx, ids[:n], nil, greedy, 0, nil))
		got, err := d.Logits(ctx)
		require.NoError(t, err)
		vocab := m.Config.VocabSize
		require.InDeltaSlice(t, want[(n-1)*vocab:][:vocab], got[0], 1e-4, "after %d tokens", n)
		d.Free()
	}
}
