package kernels_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/native"
)

// The cut and the draw are the reference's for every one of many seeds, settings
// and logits (a case's name seeds its logits).
func TestSampleDrawsWhatSortingDraws(t *testing.T) {
	dev, err := native.Open(nil)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	for seed := range 100 {
		spec := kernels.CaseSpec{
			Kernel: "sample",
			Sizes:  map[string]int{"vocab": 40 + 17*seed, "top_k": seed % 7 * 5, "seed": seed, "dual": seed % 2},
			Params: map[string]float32{
				"temperature": .5 + float32(seed%5), "top_p": []float32{1, .95, .5, .05}[seed%4],
				"penalty": 1 + float32(seed%3)/10, "steer": float32(seed%4) / 2,
			},
		}
		res, err := kernels.RunCase(context.Background(), g, spec)
		require.NoError(t, err)
		require.Empty(t, res.Message, res.Case)
	}
	_, err = g.Close()
	require.NoError(t, err)
}
