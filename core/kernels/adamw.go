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
