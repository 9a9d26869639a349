package kerneltest_test

import (
	"fmt"
	"math/rand/v2"
	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFormatsKeepWeights bounds what a format loses of normal weights, relative to their
// deviation: half a step of a block's range.
func TestFormatsKeepWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	w := make([]float32, 64*256)
	for i := range w {
		w[i] = float32(rng.NormFloat64()) * .02
	}
	for f, want := range map[kernels.Format]float64{kernels.F16: 3e-4, kernels.Q8: 6e-3, kernels.Q4: .09} {
		got := kerneltest.DequantiseRef(f, 64, 256, kerneltest.QuantiseRef(f, 64, 256, w))
		var sum, all float64
		for i := range w {
			sum += float64(got[i]-w[i]) * float64(got[i]-w[i])
			all += float64(w[i]) * float64(w[i])
		}
		require.Less(t, sum/all, want*want, fmt.Sprint(f))
		require.Greater(t, sum/all, want*want/9, "%v: the bound says something", f)
	}
}
