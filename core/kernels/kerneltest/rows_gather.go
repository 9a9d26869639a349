package kerneltest

import (
	"nextquill/core/kernels"
)

// GatherRowsRef is GatherRows on the CPU.
func GatherRowsRef(features int, index []uint32, x, y []float32) {
	stride := kernels.RowStride(features)
	for i, j := range index {
		copy(y[i*stride:(i+1)*stride], x[int(j)*stride:])
	}
}

// ScatterRowsRef is ScatterRows on the CPU.
func ScatterRowsRef(features int, index []uint32, x, y []float32) {
	stride := kernels.RowStride(features)
	for i, j := range index {
		copy(y[int(j)*stride:int(j+1)*stride], x[i*stride:])
	}
}

func rowsGatherCase(c *Case) {
	n, f, total := c.Size("rows"), c.Size("features"), c.Size("total")
	index := make([]uint32, n)
	for i, j := range c.rng.Perm(total)[:n] {
		index[i] = uint32(j)
	}
	at := c.Words("index", index)
	x, y, z := c.RandomRows("x", total, f), c.GarbageRows("y", n, f), c.RandomRows("z", total, f)
	c.Dyn.Rows = uint32(n)
	c.Record(kernels.GatherRows(kernels.PerHeadRow, f, at, x.GPU, y.GPU),
		kernels.ScatterRows(kernels.PerHeadRow, f, at, y.GPU, z.GPU))
	GatherRowsRef(f, index, x.Host, y.Host)
	ScatterRowsRef(f, index, y.Host, z.Host)
	c.Expect(y, 0)
	c.Expect(z, 0)
}

// StoreRowsRef is StoreRows on the CPU.
func StoreRowsRef(features int, slots []uint32, x, cache []float32) {
	for i, slot := range slots {
		copy(cache[int(slot)*features:][:features], x[i*features:])
	}
}

func storeRowsCase(c *Case) {
	rows, slots, features := c.Size("rows"), c.Size("slots"), c.Size("features")
	at := make([]uint32, rows)
	for i, slot := range c.Rand().Perm(slots)[:rows] {
		at[i] = uint32(slot)
	}
	x, cache := c.Random("x", rows*features), c.Random("cache", slots*features)
	c.Record(kernels.StoreRows(kernels.FixedRows(rows), features, c.Words("slots", at), x.GPU, cache.GPU))
	StoreRowsRef(features, at, x.Host, cache.Host)
	c.Expect(cache, 0)
}
