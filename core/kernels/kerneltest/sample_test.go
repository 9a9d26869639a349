//go:build !wasm

package kerneltest_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
	"nextquill/native"
)

// The kernel and the reference draw the same tokens for many seeds, settings and logits (the name
// of a case is the seed of its logits).
func TestSampleDrawsWhatSortingDraws(t *testing.T) {
	dev, err := native.Open(nil)
	require.NoError(t, err)
	defer dev.Close()
	g := gpu.NewContext(dev)
	for seed := range 100 {
		spec := kerneltest.CaseSpec{
			Kernel: "sample",
			Sizes: map[string]int{
				"vocab": 40 + 17*seed, "top_k": seed % 7 * 5, "seed": seed, "dual": seed % 2, "first": seed % 3 % 2,
			},
			Params: map[string]float32{
				"temperature": .5 + float32(seed%5), "top_p": []float32{1, .95, .5, .05}[seed%4],
				"penalty": 1 + float32(seed%3)/10, "steer": float32(seed%4) / 2,
			},
		}
		res, err := kerneltest.RunCase(context.Background(), g, spec)
		require.NoError(t, err)
		require.Empty(t, res.Message, res.Case)
	}
	_, err = g.Close()
	require.NoError(t, err)
}

// Draws over positions have the expected distribution.
func TestSampleRefDistribution(t *testing.T) {
	logits := []float32{0, 1, 2, -1, 0.5}
	var total float64
	for _, l := range logits {
		total += math.Exp(float64(l))
	}
	const draws = 20000
	counts := make([]float64, len(logits))
	p := kernels.SampleParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1}
	for position := range draws {
		dyn := kernels.Dyn{Seed: 5, Position: uint32(position)}
		counts[kerneltest.SampleRef(p, dyn, logits, nil, make([]uint32, len(logits))).ID]++
	}
	var chi2 float64
	for i, l := range logits {
		want := draws * math.Exp(float64(l)) / total
		chi2 += (counts[i] - want) * (counts[i] - want) / want
	}
	require.Less(t, chi2, 18.5, "the 0.1%% quantile of χ² with 4 degrees of freedom; counts %v", counts)
}

// The kept tokens are those of the top-k and top-p warpers of transformers.
func TestSampleRefKeepsTheNucleus(t *testing.T) {
	logits := make([]float32, 4) // probabilities 0.5, 0.3, 0.15, 0.05
	for i, p := range []float64{.15, .5, .05, .3} {
		logits[i] = float32(math.Log(p))
	}
	kept := func(p kernels.SampleParams) map[uint32]bool {
		ids := map[uint32]bool{}
		p.Temperature, p.RepetitionPenalty = 1, 1
		for seed := range 400 {
			ids[kerneltest.SampleRef(p, kernels.Dyn{Seed: uint32(seed)}, logits, nil, make([]uint32, 4)).ID] = true
		}
		return ids
	}
	require.Equal(t, map[uint32]bool{1: true}, kept(kernels.SampleParams{TopP: .4}))
	require.Equal(t, map[uint32]bool{1: true, 3: true}, kept(kernels.SampleParams{TopP: .79}))
	require.Equal(t, map[uint32]bool{1: true, 3: true, 0: true}, kept(kernels.SampleParams{TopP: .81}))
	require.Equal(t, map[uint32]bool{1: true, 3: true}, kept(kernels.SampleParams{TopP: 1, TopK: 2}))
	require.Equal(t, map[uint32]bool{1: true}, kept(kernels.SampleParams{TopP: .6, TopK: 2}),
		"0.5 is 0.625 of what top-k leaves")
}
