package kerneltest

import (
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// linearHalfCase subtracts a product that reads its weights as words from the same product that
// reads them by shader-f16. The difference is exactly 0, also for subnormal weights. Without
// shader-f16 both products are the same.
func linearHalfCase(c *Case) {
	s, n, half := linearCase(c)
	s.Format, s.Accumulate = kernels.F16, false
	words := half
	words.Half = false
	record, xs, ys, low := kernels.LinearForward, s.In, s.OutStride, s.Out
	if c.Flag("input") {
		record, xs, ys, low = kernels.LinearInputGrad, s.OutStride, s.In, s.In
	}
	pair := func(name string, n int) [2]*gpu.Tensor {
		t := c.Random(name, n)
		negative := slices.Clone(t.Host)
		for i := range negative {
			negative[i] = -negative[i]
		}
		return [2]*gpu.Tensor{t.GPU, c.Values("−"+name, negative).GPU}
	}
	x, w := pair("x", n*xs), c.Words("w", QuantiseRef(kernels.F16, s.Out, s.In, c.weightsOfAllKinds(s.Out, s.In)))
	var u [2]*gpu.Tensor
	var b *gpu.Tensor
	if s.Rank > 0 {
		u, b = pair("u", n*s.Rank), c.Random("b", low*s.Rank).GPU
	}
	y := c.Values("y", make([]float32, n*ys))
	c.Record(record(&half, s, x[0], w, y.GPU, u[0], b))
	s.Accumulate = true
	c.Record(record(&words, s, x[1], w, y.GPU, u[1], b))
	c.Expect(y, 0)
}
