package kernels

import (
	"nextquill/core/gpu"
)

// SwiGLU records y = silu(gate) · up; all [rows, features].
func SwiGLU(rows Rows, features int, gate, up, y *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("swiglu", nil, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(features)},
		Args:    []*gpu.Tensor{gate, up, y},
		Groups:  func(r *gpu.Replay) [3]uint32 { return linearGroups(rows.Count(r)*RowStride(features)/4, 64) },
		Flops:   func(r *gpu.Replay) float64 { return 12 * float64(rows.Count(r)*features) },
	}
}

// SwiGLUGrad records the gradients dgate and dup of SwiGLU for dy; all [rows, features].
func SwiGLUGrad(rows Rows, features int, gate, up, dy, dgate, dup *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("swiglu_grad", nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(features)},
		Args:   []*gpu.Tensor{gate, up, dy, dgate, dup},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(rows.Count(r)*RowStride(features)/4, 64) },
		Flops:  func(r *gpu.Replay) float64 { return 20 * float64(rows.Count(r)*features) },
	}
}
