package kernels

import (
	"nextquill/core/gpu"
)

// maxGradNormParts limits the partial sums of one gradient. It is large enough to occupy any
// device, and small enough for one workgroup to add them.
const maxGradNormParts = 16384

// GradNormParts is the number of partial sums that GradNorm writes for a gradient of n values.
func GradNormParts(n int) int { return min(maxGradNormParts, ceilDiv(n, 4*64)) }

// GradNorm records the sums of squares of grad [n] as the GradNormParts(n) elements of partials
// from first on. All gradients of a step share one partials buffer, one after another. ClipScale
// adds them.
func GradNorm(n int, grad, partials *gpu.Tensor, first int) gpu.Dispatch {
	parts := GradNormParts(n)
	return gpu.Dispatch{
		Program: program("gradnorm", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(n), uint32(parts), uint32(first)},
		Args:    []*gpu.Tensor{grad, partials},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(parts, 64) },
		Flops:   func(*gpu.Replay) float64 { return 2 * float64(n) },
	}
}

// The values in the result of ClipScale.
const (
	NormValue     = 0 // the global L2 norm before clipping
	NormScale     = 1 // the factor of the gradients
	NormNonFinite = 2 // 1 when the norm is NaN or infinite, else 0
)

// ClipScale records norm [4] from the sums of squares in partials [parts]: the global norm, and the
// factor min(1, maxNorm/(norm+1e-6)) of torch.nn.utils.clip_grad_norm_. maxNorm 0 disables
// clipping. If the norm is not finite, the factor is 0 and a flag tells AdamW to change nothing.
func ClipScale(parts int, maxNorm float32, partials, norm *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("clip_scale", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(parts), gpu.F(maxNorm)},
		Args:    []*gpu.Tensor{partials, norm},
		Groups:  func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
		Flops:   func(*gpu.Replay) float64 { return float64(parts) },
	}
}
