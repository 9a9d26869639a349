package kernels

import (
	"nextquill/core/gpu"
)

// Add records z = x + y over [rows, features]; features is a multiple of 4.
func Add(rows Rows, features int, x, y, z *gpu.Tensor) gpu.Dispatch {
	return elementwise("add", rows, features, []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}, x, y, z)
}

// AddRows records y[index[r]] += x[r] for the rows of x [rows, features]. The values of index
// [rows] are distinct; features is a multiple of 4.
func AddRows(rows Rows, features int, index, x, y *gpu.Tensor) gpu.Dispatch {
	return elementwise("add_rows", rows, features, []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage},
		index, x, y)
}

// elementwise returns a dispatch with one invocation per vec4 of [rows, features].
func elementwise(file string, rows Rows, features int, access []gpu.Access, args ...*gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program(file, nil, access...),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    args,
		Groups: func(r *gpu.Replay) [3]uint32 {
			return linearGroups(rows.Count(r)*features/4, 64)
		},
		Flops: func(r *gpu.Replay) float64 { return float64(rows.Count(r) * features) },
	}
}

// columnLanes is the workgroup size of kernels with one invocation per vec4 of a row. There are few
// of these, so small workgroups are needed to keep all cores of a CPU device busy.
const columnLanes = 8

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
		return linearGroups(features/4, columnLanes)
	}
	return d
}
