package kernels

import (
	"math"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// RopeTable returns the rotations of positions tokens, [positions, headDim]: headDim/2 cosines,
// then headDim/2 sines, of position·frequencies[i].
func RopeTable(frequencies []float64, positions int) []float32 {
	half := len(frequencies)
	table := make([]float32, positions*2*half)
	for i, freq := range frequencies {
		for p := range positions {
			sin, cos := math.Sincos(float64(p) * freq)
			table[p*2*half+i] = float32(cos)
			table[p*2*half+half+i] = float32(sin)
		}
	}
	return table
}

// Rope records the rotary embedding of x [rows, heads·headDim] in place, with the pairs (i,
// i+headDim/2) of Hugging Face checkpoints. positions is [rows] u32; table is a RopeTable that
// includes every position. inverse rotates back, which is the gradient.
func Rope(rows Rows, heads, headDim int, inverse bool, positions, table, x *gpu.Tensor) gpu.Dispatch {
	lanes := ropeLanes(headDim)
	sign := float32(1)
	if inverse {
		sign = -1
	}
	return gpu.Dispatch{
		Program: program("rope", wgsl.Values{"VEC4": wgsl.Bool(lanes == 4)}, gpu.ReadStorage, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape: gpu.Shape{uint32(rows), uint32(heads), uint32(headDim / 2 / lanes), gpu.F(sign)},
		Args:  []*gpu.Tensor{positions, table, x},
		Groups: func(r *gpu.Replay) [3]uint32 {
			return linearGroups(rows.Count(r)*headDim/2/lanes, 64)
		},
		Flops: func(r *gpu.Replay) float64 { return 3 * float64(rows.Count(r)*heads*headDim) },
	}
}

// ropeLanes is the number of pairs that one invocation rotates at a time: four if half a head is a
// multiple of a vec4.
func ropeLanes(headDim int) int {
	if headDim%8 == 0 {
		return 4
	}
	return 1
}
