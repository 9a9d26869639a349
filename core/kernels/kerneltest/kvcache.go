package kerneltest

import "nextquill/core/kernels"

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
