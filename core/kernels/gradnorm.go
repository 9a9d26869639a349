package kernels

import (
	"math"

	"nextquill/core/gpu"
)

// maxGradNormParts bounds the partial sums of one gradient; enough invocations for
// any device, few enough for one workgroup to add up.
const maxGradNormParts = 16384

// GradNormParts is the number of partial sums that GradNorm writes for a gradient
// of n values.
func GradNormParts(n int) int { return min(maxGradNormParts, ceilDiv(n, 4*64)) }

// GradNorm records the sums of squares of grad [n] into the GradNormParts(n)
// elements of partials from first on. All gradients of a step share one partials
// buffer, one after another; ClipScale adds them up.
func GradNorm(n int, grad, partials *gpu.Tensor, first int) gpu.Dispatch {
	parts := GradNormParts(n)
	return gpu.Dispatch{
		Program: program("gradnorm", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(n), uint32(parts), uint32(first)},
		Args:    []*gpu.Tensor{grad, partials},
		Groups:  func(*gpu.Dyn) [3]uint32 { return linearGroups(parts, 64) },
		Flops:   func(*gpu.Dyn) float64 { return 2 * float64(n) },
	}
}

// Where ClipScale's result has what.
const (
	NormValue     = 0 // the global L2 norm before clipping
	NormScale     = 1 // what gradients are multiplied by
	NormNonFinite = 2 // 1 when the norm is NaN or infinite, else 0
)

// ClipScale records norm [4] from the sums of squares in partials [parts]: the
// global norm, and the factor min(1, maxNorm/(norm+1e-6)) of
// torch.nn.utils.clip_grad_norm_. maxNorm 0 means no clipping. When the norm is
// not finite the factor is 0 and the flag makes AdamW leave everything as it is.
func ClipScale(parts int, maxNorm float32, partials, norm *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("clip_scale", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(parts), gpu.F(maxNorm)},
		Args:    []*gpu.Tensor{partials, norm},
		Groups:  func(*gpu.Dyn) [3]uint32 { return [3]uint32{1, 1, 1} },
		Flops:   func(*gpu.Dyn) float64 { return float64(parts) },
	}
}

// ClipScaleRef is GradNorm and ClipScale on the CPU over all gradients of a step.
func ClipScaleRef(maxNorm float32, norm []float32, grads ...[]float32) {
	var squares float64
	for _, grad := range grads {
		for _, g := range grad {
			squares += float64(g) * float64(g)
		}
	}
	clear(norm)
	norm[NormValue] = float32(math.Sqrt(squares))
	switch {
	case math.IsNaN(squares) || squares > math.MaxFloat32:
		norm[NormValue], norm[NormNonFinite] = float32(math.Inf(1)), 1
	case maxNorm > 0:
		norm[NormScale] = float32(min(1, float64(maxNorm)/(math.Sqrt(squares)+1e-6)))
	default:
		norm[NormScale] = 1
	}
}

func init() {
	register("gradnorm", func(c *Case) {
		a, b := c.Size("a"), c.Size("b")
		ga, gb, norm := c.Random("a", a), c.Random("b", b), c.Garbage("norm", 4)
		if c.Flag("infinite") {
			// The square of the largest is infinite, and no other value is.
			ga = c.Values("a", append(make([]float32, a-1), math.MaxFloat32))
		}
		pa, pb := GradNormParts(a), GradNormParts(b)
		partials := c.Garbage("partials", pa+pb)
		c.Record(
			GradNorm(a, ga.GPU, partials.GPU, 0), GradNorm(b, gb.GPU, partials.GPU, pa),
			ClipScale(pa+pb, c.Param("max_norm"), partials.GPU, norm.GPU))
		ClipScaleRef(c.Param("max_norm"), norm.Host, ga.Host, gb.Host)
		c.Expect(norm, 1e-6)
	})
}
