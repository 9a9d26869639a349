package kernels

import (
	"math"

	"nextquill/core/gpu"
)

// SwiGLU records y = silu(gate) · up; all [rows, features].
func SwiGLU(rows Rows, features int, gate, up, y *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("swiglu", nil, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    []*gpu.Tensor{gate, up, y},
		Groups:  func(d *gpu.Dyn) [3]uint32 { return linearGroups(rows.Count(d)*RowStride(features)/4, 64) },
		Flops:   func(d *gpu.Dyn) float64 { return 12 * float64(rows.Count(d)*features) },
	}
}

// SwiGLUGrad records dgate and dup of SwiGLU for dy; all [rows, features].
func SwiGLUGrad(rows Rows, features int, gate, up, dy, dgate, dup *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("swiglu_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features)},
		Args:   []*gpu.Tensor{gate, up, dy, dgate, dup},
		Groups: func(d *gpu.Dyn) [3]uint32 { return linearGroups(rows.Count(d)*RowStride(features)/4, 64) },
		Flops:  func(d *gpu.Dyn) float64 { return 20 * float64(rows.Count(d)*features) },
	}
}

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

// wideGates are gates of all sizes, among them some at which exp overflows.
func (c *Case) wideGates(rows, features int) *CaseTensor {
	stride := RowStride(features)
	gates := make([]float32, rows*stride)
	for i := range gates {
		if i%stride < features {
			gates[i] = float32(c.rng.NormFloat64() * math.Pow(10, float64(c.rng.IntN(6)-2)))
		}
	}
	gates[0] = -200
	return c.Values("gate", gates)
}

func init() {
	register("swiglu", func(c *Case) {
		n, f := c.Size("rows"), c.Size("features")
		gate, up, y := c.wideGates(n, f), c.RandomRows("up", n, f), c.GarbageRows("y", n, f)
		c.Dyn.Tokens = uint32(n)
		c.Record(SwiGLU(PerToken, f, gate.GPU, up.GPU, y.GPU))
		SwiGLURef(gate.Host, up.Host, y.Host)
		c.Expect(y, 2e-6)
	})
	register("swiglu_grad", func(c *Case) {
		n, f := c.Size("rows"), c.Size("features")
		gate, up, dy := c.wideGates(n, f), c.RandomRows("up", n, f), c.RandomRows("dy", n, f)
		dgate, dup := c.GarbageRows("dgate", n, f), c.GarbageRows("dup", n, f)
		c.Dyn.Tokens = uint32(n)
		c.Record(SwiGLUGrad(PerToken, f, gate.GPU, up.GPU, dy.GPU, dgate.GPU, dup.GPU))
		SwiGLUGradRef(gate.Host, up.Host, dy.Host, dgate.Host, dup.Host)
		c.Expect(dgate, 4e-6)
		c.Expect(dup, 4e-6)
	})
}
