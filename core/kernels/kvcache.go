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
		Groups: func(r *gpu.Replay) [3]uint32 {
			return linearGroups(rows.Count(r)*features/4, 64)
		},
	}
}
