package kernels

import (
	"math"

	"nextquill/core/gpu"
)

// RopeTable returns the rotations of positions tokens, [positions, headDim]:
// headDim/2 cosines, then as many sines, of position·frequencies[i].
func RopeTable(frequencies []float64, positions int) []float32 {
	half := len(frequencies)
	table := make([]float32, positions*2*half)
	for i, freq := range frequencies {
		for p := range positions {
			sin, cos := math.Sincos(float64(p) * freq)
			table[p*2*half+i] = float32(cos)
			table[p*2*half+half+i] = float32(sin)
		}
	}
	return table
}

// Rope records the rotary embedding of x [rows, heads·headDim] in place, with
// the pairs (i, i+headDim/2) that Hugging Face checkpoints use. positions is
// [rows] u32, table a RopeTable that reaches every position. inverse rotates
// back, which is the gradient.
func Rope(rows Rows, heads, headDim int, inverse bool, positions, table, x *gpu.Tensor) gpu.Dispatch {
	lanes := ropeLanes(headDim)
	sign := float32(1)
	if inverse {
		sign = -1
	}
	return gpu.Dispatch{
		Program: program("rope", Consts{"VEC4": lanes == 4}, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(heads), uint32(headDim / 2 / lanes), gpu.F(sign)},
		Args:    []*gpu.Tensor{positions, table, x},
		Groups: func(d *gpu.Dyn) [3]uint32 {
			return linearGroups(rows.Count(d)*headDim/2/lanes, 64)
		},
		Flops: func(d *gpu.Dyn) float64 { return 3 * float64(rows.Count(d)*heads*headDim) },
	}
}

// ropeLanes is how many pairs one invocation rotates at once: four where half a
// head is whole vec4s.
func ropeLanes(headDim int) int {
	if headDim%8 == 0 {
		return 4
	}
	return 1
}

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

func init() {
	register("rope", func(c *Case) {
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
		table := c.Values("table", RopeTable(frequencies, limit))
		x := c.Random("x", rows*heads*dim)
		c.Dyn.Tokens = uint32(rows)
		at, inverse := c.Words("positions", positions), c.Flag("inverse")
		c.Record(Rope(PerToken, heads, dim, inverse, at, table.GPU, x.GPU))
		RopeRef(heads, dim, inverse, positions, table.Host, x.Host)
		c.Expect(x, 1e-6)
	})
}
