package kernels

import (
	"math"

	"nextquill/core/gpu"
)

// RMSNorm records y = x · rstd · gain with rstd = 1/√(mean(x²)+eps): x and y
// [rows, features], gain [features], rstd [rows].
func RMSNorm(rows Rows, features int, eps float32, x, gain, y, rstd *gpu.Tensor, form ...RowForm) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("rmsnorm", chosen(form).consts(),
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features), gpu.F(eps)},
		Args:   []*gpu.Tensor{x, gain, y, rstd},
		Groups: func(d *gpu.Dyn) [3]uint32 { return chosen(form).groups(rows.Count(d), 64) },
		Flops:  func(d *gpu.Dyn) float64 { return 4 * float64(rows.Count(d)*features) },
	}
}

// RMSNormGrad records the gradient of RMSNorm's input, dx = … or, with
// accumulate, dx += …: x, dy and dx [rows, features], gain [features], rstd
// [rows] as RMSNorm left it.
func RMSNormGrad(rows Rows, features int, accumulate bool, x, gain, rstd, dy, dx *gpu.Tensor, form ...RowForm) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("rmsnorm_grad", chosen(form).consts(),
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features), flag(accumulate)},
		Args:   []*gpu.Tensor{x, gain, rstd, dy, dx},
		Groups: func(d *gpu.Dyn) [3]uint32 { return chosen(form).groups(rows.Count(d), 64) },
		Flops:  func(d *gpu.Dyn) float64 { return 8 * float64(rows.Count(d)*features) },
	}
}

// RMSNormGainGrad records dgain += Σ_rows dy · x · rstd: x and dy [rows,
// features], rstd [rows], dgain [features].
func RMSNormGainGrad(rows Rows, features int, x, rstd, dy, dgain *gpu.Tensor) gpu.Dispatch {
	return gainGrad(rows, 1, features, true, x, rstd, dy, dgain)
}

// RMSNormHeadGainGrad records what each head adds to the gradient of a gain that
// all heads share, partial = Σ_rows dy · x · rstd: x and dy [rows, heads·features],
// rstd [rows, heads], partial [heads, features]; features is a multiple of 4. The
// rest is ColumnSums over the heads. One loop over rows and heads would be too
// long for an invocation.
func RMSNormHeadGainGrad(rows Rows, heads, features int, x, rstd, dy, partial *gpu.Tensor) gpu.Dispatch {
	return gainGrad(rows, heads, features, false, x, rstd, dy, partial)
}

func gainGrad(rows Rows, heads, features int, accumulate bool, x, rstd, dy, dgain *gpu.Tensor) gpu.Dispatch {
	vecs := heads * RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("rmsnorm_gain_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape: gpu.Shape{uint32(rows), uint32(features), uint32(heads), flag(accumulate)},
		Args:  []*gpu.Tensor{x, rstd, dy, dgain},
		Groups: func(d *gpu.Dyn) [3]uint32 {
			if rows.Count(d) == 0 && accumulate {
				return [3]uint32{}
			}
			return linearGroups(vecs, 16)
		},
		Flops: func(d *gpu.Dyn) float64 { return 3 * float64(rows.Count(d)*heads*features) },
	}
}

// RMSNormRef is RMSNorm on the CPU.
func RMSNormRef(features int, eps float32, x, gain, y, rstd []float32) {
	stride := RowStride(features)
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
	stride, sums := RowStride(features), make([]float64, features)
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

func init() {
	register("rmsnorm", func(c *Case) {
		n, f, eps := c.Size("rows"), c.Size("features"), c.Param("eps")
		x, gain := c.RandomRows("x", n, f), c.RandomRows("gain", 1, f)
		y, rstd := c.GarbageRows("y", n, f), c.Garbage("rstd", n)
		c.Dyn.Tokens = uint32(n)
		c.Record(RMSNorm(PerToken, f, eps, x.GPU, gain.GPU, y.GPU, rstd.GPU, c.rowForm()))
		RMSNormRef(f, eps, x.Host, gain.Host, y.Host, rstd.Host)
		c.Expect(y, 2e-6)
		c.Expect(rstd, 2e-6)
	})
	register("rmsnorm_grad", func(c *Case) {
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
			RMSNormGrad(PerToken, f, c.Flag("accumulate"), x.GPU, gain.GPU, scale.GPU, dy.GPU, dx.GPU, c.rowForm()),
			RMSNormGainGrad(PerToken, f, x.GPU, scale.GPU, dy.GPU, dgain.GPU))
		RMSNormGradRef(f, x.Host, gain.Host, scale.Host, dy.Host, dx.Host, dgain.Host)
		c.Expect(dx, 1e-5)
		c.Expect(dgain, 1e-5)
	})
	register("rmsnorm_heads", func(c *Case) {
		n, heads, f, eps := c.Size("rows"), c.Size("heads"), c.Size("features"), c.Param("eps")
		x, gain, dy := c.Random("x", n*heads*f), c.Random("gain", f), c.Random("dy", n*heads*f)
		y, rstd, dx := c.Garbage("y", n*heads*f), c.Garbage("rstd", n*heads), c.Garbage("dx", n*heads*f)
		partial, dgain := c.Garbage("partial", heads*f), c.Random("dgain", f)
		c.Dyn.Tokens = uint32(n)
		all := PerToken.Times(heads)
		c.Record(
			RMSNorm(all, f, eps, x.GPU, gain.GPU, y.GPU, rstd.GPU, c.rowForm()),
			RMSNormGrad(all, f, false, x.GPU, gain.GPU, rstd.GPU, dy.GPU, dx.GPU, c.rowForm()),
			RMSNormHeadGainGrad(PerToken, heads, f, x.GPU, rstd.GPU, dy.GPU, partial.GPU),
			ColumnSums(FixedRows(heads), f, partial.GPU, dgain.GPU))
		RMSNormRef(f, eps, x.Host, gain.Host, y.Host, rstd.Host)
		RMSNormGradRef(f, x.Host, gain.Host, rstd.Host, dy.Host, dx.Host, dgain.Host)
		c.Expect(y, 2e-6)
		c.Expect(rstd, 2e-6)
		c.Expect(dx, 1e-5)
		c.Expect(dgain, 1e-5)
	})
}
