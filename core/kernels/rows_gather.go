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
		Groups:  func(r *gpu.Replay) [3]uint32 { return linearGroups(rows.Count(r)*vecs, 64) },
		Flops:   func(r *gpu.Replay) float64 { return float64(rows.Count(r) * features) },
	}
}
