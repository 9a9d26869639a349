package kernels

import "nextquill/core/gpu"

// GatherRows records y[i] = x[index[i]]: index [rows] u32, y [rows, features],
// x any number of such rows.
func GatherRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return moveRows(false, rows, features, index, x, y)
}

// ScatterRows records y[index[i]] = x[i]: index [rows] u32 of distinct values,
// x [rows, features], y any number of such rows, of which the others keep what
// they hold.
func ScatterRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return moveRows(true, rows, features, index, x, y)
}

func moveRows(scatter bool, rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("rows_gather", Consts{"SCATTER": scatter}, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    []*gpu.Tensor{index, x, y},
		Groups:  func(d *gpu.Dyn) [3]uint32 { return linearGroups(rows.Count(d)*vecs, 64) },
		Flops:   func(d *gpu.Dyn) float64 { return float64(rows.Count(d) * features) },
	}
}

// GatherRowsRef is GatherRows on the CPU.
func GatherRowsRef(features int, index []uint32, x, y []float32) {
	stride := RowStride(features)
	for i, j := range index {
		copy(y[i*stride:(i+1)*stride], x[int(j)*stride:])
	}
}

// ScatterRowsRef is ScatterRows on the CPU.
func ScatterRowsRef(features int, index []uint32, x, y []float32) {
	stride := RowStride(features)
	for i, j := range index {
		copy(y[int(j)*stride:int(j+1)*stride], x[i*stride:])
	}
}

func init() {
	register("rows_gather", func(c *Case) {
		n, f, total := c.Size("rows"), c.Size("features"), c.Size("total")
		index := make([]uint32, n)
		for i, j := range c.rng.Perm(total)[:n] {
			index[i] = uint32(j)
		}
		at := c.Words("index", index)
		x, y, z := c.RandomRows("x", total, f), c.GarbageRows("y", n, f), c.RandomRows("z", total, f)
		c.Dyn.Rows = uint32(n)
		c.Record(GatherRows(PerHeadRow, f, at, x.GPU, y.GPU), ScatterRows(PerHeadRow, f, at, y.GPU, z.GPU))
		GatherRowsRef(f, index, x.Host, y.Host)
		ScatterRowsRef(f, index, y.Host, z.Host)
		c.Expect(y, 0)
		c.Expect(z, 0)
	})
}
