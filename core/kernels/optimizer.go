package kernels

import (
	"strconv"

	"nextquill/core/gpu"
)

// AdamW records one step of torch.optim.AdamW on param [n] with moments m and v [n]. The gradient
// is grad [n] times the clipping factor of norm [4] (ClipScale). The learning rate and the bias
// corrections are LR, Bias1 and Bias2 of Dyn. If norm says that the gradient is not finite, nothing
// changes.
func AdamW(n int, beta1, beta2, eps, weightDecay float32, grad, norm, m, v, param *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("adamw", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape: gpu.Shape{
			uint32(n), gpu.F(beta1), gpu.F(float32(1 - decimal(beta1))),
			gpu.F(beta2), gpu.F(float32(1 - decimal(beta2))), gpu.F(eps), gpu.F(weightDecay),
		},
		Args:   []*gpu.Tensor{grad, norm, m, v, param},
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(ceilDiv(n, 4), 64) },
		Flops:  func(*gpu.Replay) float64 { return 16 * float64(n) },
	}
}

// decimal is the decimal number that v was rounded from. 1−β of the f32 nearest to 0.999 has a
// relative error of 1.3e-5, and would not match bias corrections computed from 0.999.
func decimal(v float32) float64 {
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return d
}

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
