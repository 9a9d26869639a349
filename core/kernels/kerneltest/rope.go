package kerneltest

import (
	"math"
	"nextquill/core/kernels"
)

// RopeRef is Rope on the CPU.
func RopeRef(heads, headDim int, inverse bool, positions []uint32, table, x []float32) {
	half := headDim / 2
	for row, p := range positions {
		for h := range heads {
			at := (row*heads + h) * headDim
			for i := range half {
				cos := float64(table[int(p)*headDim+i])
				sin := float64(table[int(p)*headDim+half+i])
				if inverse {
					sin = -sin
				}
				a, b := float64(x[at+i]), float64(x[at+half+i])
				x[at+i] = float32(a*cos - b*sin)
				x[at+half+i] = float32(b*cos + a*sin)
			}
		}
	}
}

func ropeCase(c *Case) {
	rows, heads, dim := c.Size("rows"), c.Size("heads"), c.Size("dim")
	const limit = 2048
	positions := make([]uint32, rows)
	for i := range positions {
		positions[i] = uint32(c.Rand().IntN(limit))
	}
	positions[rows-1] = limit - 1
	frequencies := make([]float64, dim/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(10000, -2*float64(i)/float64(dim))
	}
	table := c.Values("table", kernels.RopeTable(frequencies, limit))
	x := c.Random("x", rows*heads*dim)
	c.Dyn.Tokens = uint32(rows)
	at, inverse := c.Words("positions", positions), c.Flag("inverse")
	c.Record(kernels.Rope(kernels.PerToken, heads, dim, inverse, at, table.GPU, x.GPU))
	RopeRef(heads, dim, inverse, positions, table.Host, x.Host)
	c.Expect(x, 1e-6)
}
