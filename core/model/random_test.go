//go:build !wasm

package model_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
	"nextquill/native/nativetest"
)

// TestRandomWeights makes a small model with random weights in every format, without a file. Its
// logits are finite and differ from token to token.
func TestRandomWeights(t *testing.T) {
	ctx := context.Background()
	g := nativetest.Open(t, &blob.Mem{})
	config := weights.Config{
		HiddenSize: 64, IntermediateSize: 96, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 16, VocabSize: 100,
		MaxPositions: 32, RMSNormEps: 1e-5, RopeTheta: 1e4, QKVBias: true, TieEmbeddings: true, BOS: -1,
	}
	for _, base := range []string{"f32", "f16", "q8", "q4"} {
		tune := kernels.DefaultTune(g.Info())
		m, err := model.Load(ctx, g, &tune, &blob.Mem{}, "none", model.LoadOptions{Base: base, Random: &config})
		require.NoError(t, err)
		require.Equal(t, base, m.Base())
		d, err := m.NewDecoder(model.DecodeSpec{MaxPrompt: 3, MaxNew: 1})
		require.NoError(t, err)
		require.NoError(t, d.Start(ctx, []int32{1, 50, 99}, nil, greedy, 0, nil))
		logits, err := d.Logits(ctx)
		require.NoError(t, err)
		lowest, highest := math.Inf(1), math.Inf(-1)
		for _, v := range logits[0] {
			lowest, highest = min(lowest, float64(v)), max(highest, float64(v))
		}
		require.Less(t, highest, 100.)
		require.Greater(t, highest-lowest, 1e-4)
		d.Free()
		m.Free()
	}
	require.Zero(t, g.LiveBuffers())
}
