package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// RMSNormRef is RMSNorm on the CPU.
func RMSNormRef(features int, eps float32, x, gain, y, rstd []float32) {
	stride := kernels.RowStride(features)
	for r := range rstd {
		row := x[r*stride : r*stride+features]
		var squares float64
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		scale := 1 / math.Sqrt(squares/float64(features)+float64(eps))
		for f, v := range row {
			y[r*stride+f] = float32(float64(v) * scale * float64(gain[f]))
		}
		rstd[r] = float32(scale)
	}
}

// RMSNormGradRef is RMSNormGrad with accumulate, and RMSNormGainGrad, on the CPU.
func RMSNormGradRef(features int, x, gain, rstd, dy, dx, dgain []float32) {
	stride, sums := kernels.RowStride(features), make([]float64, features)
	for r, s := range rstd {
		scale := float64(s)
		var mean float64
		for f := range features {
			at := r*stride + f
			xhat := float64(x[at]) * scale
			mean += float64(dy[at]) * float64(gain[f]) * xhat / float64(features)
			sums[f] += float64(dy[at]) * xhat
		}
		for f := range features {
			at := r*stride + f
			dx[at] += float32(scale * (float64(dy[at])*float64(gain[f]) - float64(x[at])*scale*mean))
		}
	}
	for f, s := range sums {
		dgain[f] += float32(s)
	}
}

func rmsnormCase(c *Case) {
	n, f, eps := c.Size("rows"), c.Size("features"), c.Param("eps")
	x, gain := c.RandomRows("x", n, f), c.RandomRows("gain", 1, f)
	y, rstd := c.GarbageRows("y", n, f), c.Garbage("rstd", n)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.RMSNorm(kernels.PerToken, f, eps, x.GPU, gain.GPU, y.GPU, rstd.GPU, c.rowForm()))
	RMSNormRef(f, eps, x.Host, gain.Host, y.Host, rstd.Host)
	c.Expect(y, 2e-6)
	c.Expect(rstd, 2e-6)
}

func rmsnormGradCase(c *Case) {
	n, f := c.Size("rows"), c.Size("features")
	x, gain, dy := c.RandomRows("x", n, f), c.RandomRows("gain", 1, f), c.RandomRows("dy", n, f)
	y, rstd := make([]float32, len(x.Host)), make([]float32, n)
	RMSNormRef(f, 1e-5, x.Host, gain.Host, y, rstd)
	scale, dgain := c.Values("rstd", rstd), c.RandomRows("dgain", 1, f)
	dx := c.GarbageRows("dx", n, f)
	if c.Flag("accumulate") {
		dx = c.RandomRows("dx", n, f)
	}
	c.Dyn.Tokens = uint32(n)
	c.Record(
		kernels.RMSNormGrad(kernels.PerToken, f, c.Flag("accumulate"), x.GPU, gain.GPU, scale.GPU, dy.GPU, dx.GPU,
			c.rowForm()),
		kernels.RMSNormGainGrad(kernels.PerToken, f, x.GPU, scale.GPU, dy.GPU, dgain.GPU))
	RMSNormGradRef(f, x.Host, gain.Host, scale.Host, dy.Host, dx.Host, dgain.Host)
	c.Expect(dx, 1e-5)
	c.Expect(dgain, 1e-5)
}

func rmsnormHeadsCase(c *Case) {
	n, heads, f, eps := c.Size("rows"), c.Size("heads"), c.Size("features"), c.Param("eps")
	x, gain, dy := c.Random("x", n*heads*f), c.Random("gain", f), c.Random("dy", n*heads*f)
	y, rstd, dx := c.Garbage("y", n*heads*f), c.Garbage("rstd", n*heads), c.Garbage("dx", n*heads*f)
	partial, dgain := c.Garbage("partial", heads*f), c.Random("dgain", f)
	c.Dyn.Tokens = uint32(n)
	all := kernels.PerToken.Times(heads)
	c.Record(
		kernels.RMSNorm(all, f, eps, x.GPU, gain.GPU, y.GPU, rstd.GPU, c.rowForm()),
		kernels.RMSNormGrad(all, f, false, x.GPU, gain.GPU, rstd.GPU, dy.GPU, dx.GPU, c.rowForm()),
		kernels.RMSNormHeadGainGrad(kernels.PerToken, heads, f, x.GPU, rstd.GPU, dy.GPU, partial.GPU),
		kernels.ColumnSums(kernels.FixedRows(heads), f, partial.GPU, dgain.GPU))
	RMSNormRef(f, eps, x.Host, gain.Host, y.Host, rstd.Host)
	RMSNormGradRef(f, x.Host, gain.Host, rstd.Host, dy.Host, dx.Host, dgain.Host)
	c.Expect(y, 2e-6)
	c.Expect(rstd, 2e-6)
	c.Expect(dx, 1e-5)
	c.Expect(dgain, 1e-5)
}
