package kerneltest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
)

// TestFormatsKeepWeights limits the error of each format for normally distributed weights, relative
// to their standard deviation: half a step of the range of a block.
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
