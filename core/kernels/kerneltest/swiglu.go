package kerneltest

import (
	"math"

	"nextquill/core/kernels"
)

// SwiGLURef is SwiGLU on the CPU.
func SwiGLURef(gate, up, y []float32) {
	for i := range y {
		g := float64(gate[i])
		y[i] = float32(g / (1 + math.Exp(-g)) * float64(up[i]))
	}
}

// SwiGLUGradRef is SwiGLUGrad on the CPU.
func SwiGLUGradRef(gate, up, dy, dgate, dup []float32) {
	for i := range dy {
		g, d := float64(gate[i]), float64(dy[i])
		s := 1 / (1 + math.Exp(-g))
		dgate[i] = float32(d * float64(up[i]) * s * (1 + g*(1-s)))
		dup[i] = float32(d * g * s)
	}
}

// wideGates makes gates of all magnitudes, including some for which exp overflows.
func (c *Case) wideGates(rows, features int) *CaseTensor {
	stride := kernels.RowStride(features)
	gates := make([]float32, rows*stride)
	for i := range gates {
		if i%stride < features {
			gates[i] = float32(c.rng.NormFloat64() * math.Pow(10, float64(c.rng.IntN(6)-2)))
		}
	}
	gates[0] = -200
	return c.Values("gate", gates)
}

func swigluCase(c *Case) {
	n, f := c.Size("rows"), c.Size("features")
	gate, up, y := c.wideGates(n, f), c.RandomRows("up", n, f), c.GarbageRows("y", n, f)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.SwiGLU(kernels.PerToken, f, gate.GPU, up.GPU, y.GPU))
	SwiGLURef(gate.Host, up.Host, y.Host)
	c.Expect(y, 2e-6)
}

func swigluGradCase(c *Case) {
	n, f := c.Size("rows"), c.Size("features")
	gate, up, dy := c.wideGates(n, f), c.RandomRows("up", n, f), c.RandomRows("dy", n, f)
	dgate, dup := c.GarbageRows("dgate", n, f), c.GarbageRows("dup", n, f)
	c.Dyn.Tokens = uint32(n)
	c.Record(kernels.SwiGLUGrad(kernels.PerToken, f, gate.GPU, up.GPU, dy.GPU, dgate.GPU, dup.GPU))
	SwiGLUGradRef(gate.Host, up.Host, dy.Host, dgate.Host, dup.Host)
	c.Expect(dgate, 4e-6)
	c.Expect(dup, 4e-6)
}
