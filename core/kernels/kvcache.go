package kernels

import "nextquill/core/gpu"

// StoreRows records cache[slots[i]] = x[i] for rows of features values, a
// multiple of 4: how new keys and values enter a cache. slots is [rows] u32,
// each below the cache's rows and no two equal.
func StoreRows(rows Rows, features int, slots, x, cache *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("kv_store", nil, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features / 4)},
		Args:    []*gpu.Tensor{slots, x, cache},
		Groups: func(d *gpu.Dyn) [3]uint32 {
			return linearGroups(rows.Count(d)*features/4, 64)
		},
	}
}

// StoreRowsRef is StoreRows on the CPU.
func StoreRowsRef(features int, slots []uint32, x, cache []float32) {
	for i, slot := range slots {
		copy(cache[int(slot)*features:][:features], x[i*features:])
	}
}

func init() {
	register("store-rows", func(c *Case) {
		rows, slots, features := c.Size("rows"), c.Size("slots"), c.Size("features")
		at := make([]uint32, rows)
		for i, slot := range c.Rand().Perm(slots)[:rows] {
			at[i] = uint32(slot)
		}
		x, cache := c.Random("x", rows*features), c.Random("cache", slots*features)
		c.Record(StoreRows(FixedRows(rows), features, c.Words("slots", at), x.GPU, cache.GPU))
		StoreRowsRef(features, at, x.Host, cache.Host)
		c.Expect(cache, 0)
	})
}
