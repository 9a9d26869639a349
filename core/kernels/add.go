package kernels

import "nextquill/core/gpu"

// Add records z = x + y over [rows, features]; features is a multiple of 4.
func Add(rows Rows, features int, x, y, z *gpu.Tensor) gpu.Dispatch {
	return elementwise("add", rows, features, []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}, x, y, z)
}

// AddRef is Add on the CPU.
func AddRef(x, y, z []float32) {
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// AddRows records y[index[r]] += x[r] for the rows of x [rows, features]. The
// values of index [rows] are distinct; features is a multiple of 4.
func AddRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return elementwise("add_rows", rows, features, []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}, index, x, y)
}

// AddRowsRef is AddRows on the CPU.
func AddRowsRef(features int, index []uint32, x, y []float32) {
	for r, to := range index {
		for c := range features {
			y[int(to)*features+c] += x[r*features+c]
		}
	}
}

// elementwise is a dispatch of one invocation per vec4 of [rows, features].
func elementwise(file string, rows Rows, features int, access []gpu.Access, args ...*gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program(file, nil, access...),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    args,
		Groups: func(d *gpu.Dyn) [3]uint32 {
			return linearGroups(rows.Count(d)*features/4, 64)
		},
		Flops: func(d *gpu.Dyn) float64 { return float64(rows.Count(d) * features) },
	}
}

func init() {
	register("add", func(c *Case) {
		n, f := c.Size("rows"), c.Size("features")
		x, y, z := c.Random("x", n*f), c.Random("y", n*f), c.Garbage("z", n*f)
		c.Dyn.Tokens = uint32(n)
		c.Record(Add(PerToken, f, x.GPU, y.GPU, z.GPU))
		AddRef(x.Host, y.Host, z.Host)
		c.Expect(z, 0)
	})
	register("add_rows", func(c *Case) {
		n, into, f := c.Size("rows"), c.Size("into"), c.Size("features")
		x, y := c.Random("x", n*f), c.Random("y", into*f)
		index := make([]uint32, n)
		for i, j := range c.Rand().Perm(into)[:n] {
			index[i] = uint32(j)
		}
		c.Dyn.Tokens = uint32(n)
		c.Record(AddRows(PerToken, f, c.Words("index", index), x.GPU, y.GPU))
		AddRowsRef(f, index, x.Host, y.Host)
		c.Expect(y, 0)
	})
}
