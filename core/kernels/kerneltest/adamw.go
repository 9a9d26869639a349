package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// AdamWRef is kernels.AdamW on the CPU, in float64: torch.optim.AdamW.
func AdamWRef(d *kernels.Dyn, beta1, beta2, eps, weightDecay float64, grad, norm, m, v, param []float32) {
	if norm[kernels.NormNonFinite] != 0 {
		return
	}
	lr := float64(d.LR)
	for i := range param {
		g := float64(grad[i]) * float64(norm[kernels.NormScale])
		m1 := beta1*float64(m[i]) + (1-beta1)*g
		v1 := beta2*float64(v[i]) + (1-beta2)*g*g
		update := m1 / (math.Sqrt(v1/float64(d.Bias2)) + eps)
		param[i] = float32(float64(param[i])*(1-lr*weightDecay) - lr/float64(d.Bias1)*update)
		m[i], v[i] = float32(m1), float32(v1)
	}
}

func adamwCase(c *Case) {
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
	c.Record(kernels.AdamW(n, .9, .999, 1e-8, .01, grad.GPU, norm.GPU, m.GPU, v.GPU, param.GPU))
	AdamWRef(&c.Dyn, .9, .999, 1e-8, .01, grad.Host, norm.Host, m.Host, v.Host, param.Host)
	c.Expect(m, 1e-6)
	c.Expect(v, 1e-6)
	c.Expect(param, 1e-6)
}
