package kernels

import "nextquill/core/gpu"

// Add records y += x over [rows, features]; features is a multiple of 4.
func Add(rows Rows, features int, x, y *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("add", nil, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    []*gpu.Tensor{x, y},
		Groups: func(d *gpu.Dyn) [3]uint32 {
			return linearGroups(rows.Count(d)*features/4, 64)
		},
		Flops: func(d *gpu.Dyn) float64 { return float64(rows.Count(d) * features) },
	}
}

// AddRef is Add on the CPU.
func AddRef(x, y []float32) {
	for i := range y {
		y[i] += x[i]
	}
}

func init() {
	register("add", func(c *Case) {
		n, f := c.Size("rows"), c.Size("features")
		x, y := c.Random("x", n*f), c.Random("y", n*f)
		c.Dyn.Tokens = uint32(n)
		c.Record(Add(PerToken, f, x.GPU, y.GPU))
		AddRef(x.Host, y.Host)
		c.Expect(y, 0)
	})
}
