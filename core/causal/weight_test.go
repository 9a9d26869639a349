package causal_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
)

// TestOmegaIsTheKernels compares Omega with the CPU reference of the kernel.
func TestOmegaIsTheKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, kind := range []causal.Weighting{causal.Binary, causal.Soft} {
		o, err := causal.Preset("nextquill-code")
		require.NoError(t, err)
		o.Weights = kind
		spec := kernels.WeightSpec{
			SelfExpert: true, Delta: float32(o.Delta), Lambda: float32(o.Lambda), Epsilon: float32(o.Epsilon),
		}
		if kind == causal.Soft {
			spec.Kind = kernels.Soft
		}
		for range 100 {
			with, without := math.Log(r.Float64()), math.Log(r.Float64())
			record := make([]float32, kernels.TokenWidth)
			record[kernels.TokenLogpWith], record[kernels.TokenLogpWithout] = float32(with), float32(without)
			record[kernels.TokenDCE] = float32(causal.DCE(with, without))
			kerneltest.TokenWeightsRef(spec, nil, record)
			require.InDelta(t, record[kernels.TokenOmega], o.Omega(with, without), 1e-5)
		}
	}
}

func TestQuantileDelta(t *testing.T) {
	logp := func(p float64) float32 { return float32(math.Log(p)) }
	records := [][]float32{{logp(.5), logp(.4), logp(.5), logp(.1)}, {logp(.2), logp(.3), logp(.9), logp(.2)}}
	delta := causal.QuantileDelta(records, .25)
	above := 0
	for _, r := range records {
		for i := 0; i < len(r); i += 2 {
			if causal.DCE(float64(r[i]), float64(r[i+1])) >= delta {
				above++
			}
		}
	}
	require.Equal(t, 1, above)
	require.Zero(t, causal.QuantileDelta(nil, .5))
}
