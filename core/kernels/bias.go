package kernels

import "nextquill/core/gpu"

// AddBias records y += bias in every row: y [rows, features], bias [features]; features is a
// multiple of 4.
func AddBias(rows Rows, features int, bias, y *gpu.Tensor) gpu.Dispatch {
	return elementwise("add_bias", rows, features, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}, bias, y)
}

// ColumnSums records sums += Σ_rows x, added in the order of the rows: x [rows, features], sums
// [features]; features is a multiple of 4. It is the gradient of a bias.
func ColumnSums(rows Rows, features int, x, sums *gpu.Tensor) gpu.Dispatch {
	d := elementwise("column_sums", rows, features, []gpu.Access{gpu.ReadStorage, gpu.WriteStorage}, x, sums)
	d.Groups = func(r *gpu.Replay) [3]uint32 {
		if rows.Count(r) == 0 {
			return [3]uint32{}
		}
		return linearGroups(features/4, 16)
	}
	return d
}
