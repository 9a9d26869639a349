package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// GatherRows records y[i] = x[index[i]]: index [rows] u32, y [rows, features], x any number of rows
// of features values.
func GatherRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return moveRows(false, rows, features, index, x, y)
}

// ScatterRows records y[index[i]] = x[i]: index [rows] u32 of distinct values, x [rows, features],
// y any number of rows of features values. Other rows of y do not change.
func ScatterRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return moveRows(true, rows, features, index, x, y)
}

func moveRows(scatter bool, rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	vecs := RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("rows_gather", wgsl.Values{"SCATTER": wgsl.Bool(scatter)}, gpu.ReadStorage, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features)},
		Args:   []*gpu.Tensor{index, x, y},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(rows.Count(r)*vecs, 64) },
		Flops:  func(r *gpu.Replay) float64 { return float64(rows.Count(r) * features) },
	}
}

// StoreRows records cache[slots[i]] = x[i] for rows of features values, a multiple of 4: it writes
// new keys and values to a cache. slots is [rows] u32; its values are distinct and below the number
// of rows of the cache.
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
