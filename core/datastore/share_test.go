package datastore

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mix stays finite where the model's probability is 0 in float64.
func TestMix(t *testing.T) {
	require.InDelta(t, math.Log(.75*.5+.25*.1), Mix(.25, float32(math.Log(.5)), .1), 1e-6)
	require.InDelta(t, -2000+math.Log(.75), Mix(.25, -2000, 0), 1e-3)
	require.InDelta(t, math.Log(.25*.5), Mix(.25, -2000, .5), 1e-6)
	require.InDelta(t, -3, Mix(0, -3, .5), 1e-6)
}

func TestFit(t *testing.T) {
	// A token that only the datastore predicts and four that only the model predicts: the maximum
	// of ln λ + 4·ln(1 − λ) is at 1/5.
	never := Ratio(-2000, .5)
	require.InDelta(t, .2, Fit([]float64{never, 0, 0, 0, 0}), 1e-4)
	// The slope of ln(1 + λ) + ln(1 − λ/2) is 0 at 1/2.
	require.InDelta(t, .5, Fit([]float64{Ratio(float32(math.Log(.25)), .5), .5}), 1e-4)
	require.Zero(t, Fit([]float64{.2, 1}), "the datastore helps nowhere")
	require.Zero(t, Fit([]float64{1.2, 0, 0}), "it helps less than it costs")
	require.Zero(t, Fit(nil))
	require.Equal(t, MaxShare, Fit([]float64{9}))
	require.Equal(t, MaxShare, Fit([]float64{never, Ratio(-5000, 1)}))
	require.Zero(t, Ratio(-5000, 0))
}

// TestCrossFit checks that a text has no influence on its own share.
func TestCrossFit(t *testing.T) {
	helped, harmed := []float64{9, 2}, []float64{0, 0, .5}
	require.Equal(t, []float64{Fit(harmed), Fit(helped)}, CrossFit([][]float64{helped, harmed}))
	var texts [][]float64
	for i := range 23 {
		texts = append(texts, []float64{float64(i % 4), .5, 0})
	}
	shares := CrossFit(texts)
	for i := range texts {
		changed := slices.Clone(texts)
		changed[i] = []float64{50, 50}
		require.Equal(t, shares[i], CrossFit(changed)[i])
		require.NotEqual(t, shares[(i+1)%23], CrossFit(changed)[(i+1)%23])
	}
}
