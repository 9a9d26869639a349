package kernels

import (
	"math"
	"strconv"

	"nextquill/core/gpu"
)

// AdamW records one step of torch.optim.AdamW on param [n] with moments m and v
// [n] and gradient grad [n] times norm's factor (norm [4] from ClipScale). The
// learning rate and the bias corrections come from Dyn's LR, Bias1 and Bias2.
// Nothing changes when norm says that the gradient is not finite.
func AdamW(n int, beta1, beta2, eps, weightDecay float32, grad, norm, m, v, param *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("adamw", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape: gpu.Shape{
			uint32(n), gpu.F(beta1), gpu.F(float32(1 - decimal(beta1))), gpu.F(beta2), gpu.F(float32(1 - decimal(beta2))), gpu.F(eps), gpu.F(weightDecay),
		},
		Args:   []*gpu.Tensor{grad, norm, m, v, param},
		Groups: func(*gpu.Dyn) [3]uint32 { return linearGroups(ceilDiv(n, 4), 64) },
		Flops:  func(*gpu.Dyn) float64 { return 16 * float64(n) },
	}
}

// decimal is the number that v was written as: 1−β from the f32 nearest to 0.999
// would be 1.3e-5 off, and the bias corrections computed from 0.999 not match it.
func decimal(v float32) float64 {
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return d
}

// AdamWRef is AdamW on the CPU.
func AdamWRef(d *gpu.Dyn, beta1, beta2, eps, weightDecay float32, grad, norm, m, v, param []float32) {
	if norm[NormNonFinite] != 0 {
		return
	}
	b1, b2, lr := decimal(beta1), decimal(beta2), float64(d.LR)
	for i := range param {
		g := float64(grad[i]) * float64(norm[NormScale])
		m1 := b1*float64(m[i]) + (1-b1)*g
		v1 := b2*float64(v[i]) + (1-b2)*g*g
		update := m1 / (math.Sqrt(v1/float64(d.Bias2)) + float64(eps))
		param[i] = float32(float64(param[i])*(1-lr*float64(weightDecay)) - lr/float64(d.Bias1)*update)
		m[i], v[i] = float32(m1), float32(v1)
	}
}

func init() {
	register("adamw", func(c *Case) {
		n, step := c.Size("n"), float64(c.Size("step"))
		grad, m, v, param := c.Random("grad", n), c.Random("m", n), c.Random("v", n), c.Random("param", n)
		square := make([]float32, n)
		for i, x := range v.Host {
			square[i] = x * x
		}
		v = c.Values("v", square)
		norm := c.Values("norm", []float32{2, .5, float32(c.Size("broken")), 0})
		c.Dyn.LR = 1e-3
		c.Dyn.Bias1, c.Dyn.Bias2 = float32(1-math.Pow(.9, step)), float32(1-math.Pow(.999, step))
		c.Record(AdamW(n, .9, .999, 1e-8, .01, grad.GPU, norm.GPU, m.GPU, v.GPU, param.GPU))
		AdamWRef(&c.Dyn, .9, .999, 1e-8, .01, grad.Host, norm.Host, m.Host, v.Host, param.Host)
		c.Expect(m, 1e-6)
		c.Expect(v, 1e-6)
		c.Expect(param, 1e-6)
	})
}
