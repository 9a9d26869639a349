package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// ClipScaleRef is GradNorm and ClipScale on the CPU over all gradients of a step.
func ClipScaleRef(maxNorm float32, norm []float32, grads ...[]float32) {
	var squares float64
	for _, grad := range grads {
		for _, g := range grad {
			squares += float64(g) * float64(g)
		}
	}
	clear(norm)
	norm[kernels.NormValue] = float32(math.Sqrt(squares))
	switch {
	case math.IsNaN(squares) || squares > math.MaxFloat32:
		norm[kernels.NormValue], norm[kernels.NormNonFinite] = float32(math.Inf(1)), 1
	case maxNorm > 0:
		norm[kernels.NormScale] = float32(min(1, float64(maxNorm)/(math.Sqrt(squares)+1e-6)))
	default:
		norm[kernels.NormScale] = 1
	}
}

func gradnormCase(c *Case) {
	a, b := c.Size("a"), c.Size("b")
	ga, gb, norm := c.Random("a", a), c.Random("b", b), c.Garbage("norm", 4)
	if c.Flag("infinite") {
		// Only the square of the last value is infinite.
		ga = c.Values("a", append(make([]float32, a-1), math.MaxFloat32))
	}
	pa, pb := kernels.GradNormParts(a), kernels.GradNormParts(b)
	partials := c.Garbage("partials", pa+pb)
	c.Record(
		kernels.GradNorm(a, ga.GPU, partials.GPU, 0), kernels.GradNorm(b, gb.GPU, partials.GPU, pa),
		kernels.ClipScale(pa+pb, c.Param("max_norm"), partials.GPU, norm.GPU))
	ClipScaleRef(c.Param("max_norm"), norm.Host, ga.Host, gb.Host)
	c.Expect(norm, 1e-6)
}
