package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// RMSNorm records y = x · rstd · gain with rstd = 1/√(mean(x²)+eps): x and y [rows, features], gain
// [features], rstd [rows].
func RMSNorm(rows Rows, features int, eps float32, x, gain, y, rstd *gpu.Tensor, form ...RowForm) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("rmsnorm", wgsl.Values{"WORKGROUP": chosen(form).workgroup()},
			gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features), gpu.F(eps)},
		Args:   []*gpu.Tensor{x, gain, y, rstd},
		Groups: func(r *gpu.Replay) [3]uint32 { return chosen(form).groups(rows.Count(r), 64) },
		Flops:  func(r *gpu.Replay) float64 { return 4 * float64(rows.Count(r)*features) },
	}
}

// RMSNormGrad records the gradient of RMSNorm's input, dx = … or, with accumulate, dx += …: x, dy
// and dx [rows, features], gain [features], rstd [rows] from RMSNorm.
func RMSNormGrad(rows Rows, features int, accumulate bool, x, gain, rstd, dy, dx *gpu.Tensor,
	form ...RowForm) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("rmsnorm_grad", wgsl.Values{"WORKGROUP": chosen(form).workgroup()},
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features), flag(accumulate)},
		Args:   []*gpu.Tensor{x, gain, rstd, dy, dx},
		Groups: func(r *gpu.Replay) [3]uint32 { return chosen(form).groups(rows.Count(r), 64) },
		Flops:  func(r *gpu.Replay) float64 { return 8 * float64(rows.Count(r)*features) },
	}
}

// RMSNormGainGrad records dgain += Σ_rows dy · x · rstd: x and dy [rows, features], rstd [rows],
// dgain [features].
func RMSNormGainGrad(rows Rows, features int, x, rstd, dy, dgain *gpu.Tensor) gpu.Dispatch {
	return gainGrad(rows, 1, features, true, x, rstd, dy, dgain)
}

// RMSNormHeadGainGrad records the part of each head in the gradient of a gain that all heads share,
// partial = Σ_rows dy · x · rstd: x and dy [rows, heads·features], rstd [rows, heads], partial
// [heads, features]; features is a multiple of 4. ColumnSums over the heads completes it. One loop
// over rows and heads would exceed the limit of iterations per invocation.
func RMSNormHeadGainGrad(rows Rows, heads, features int, x, rstd, dy, partial *gpu.Tensor) gpu.Dispatch {
	return gainGrad(rows, heads, features, false, x, rstd, dy, partial)
}

func gainGrad(rows Rows, heads, features int, accumulate bool, x, rstd, dy, dgain *gpu.Tensor) gpu.Dispatch {
	vecs := heads * RowStride(features) / 4
	return gpu.Dispatch{
		Program: program("rmsnorm_gain_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape: gpu.Shape{uint32(rows), uint32(features), uint32(heads), flag(accumulate)},
		Args:  []*gpu.Tensor{x, rstd, dy, dgain},
		Groups: func(r *gpu.Replay) [3]uint32 {
			if rows.Count(r) == 0 && accumulate {
				return [3]uint32{}
			}
			return linearGroups(vecs, columnLanes)
		},
		Flops: func(r *gpu.Replay) float64 { return 3 * float64(rows.Count(r)*heads*features) },
	}
}
