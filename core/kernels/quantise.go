package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// Quantise records converting f32 weights to a format: values is [rows, columns], out has the
// layout of f for [rows, columns]; columns is a multiple of 4. F16 rounds to nearest even. Q8 and
// Q4 take the range of each block of 32 and round to the nearest step. The result has the same bits
// on every device.
func Quantise(f Format, rows, columns int, values, out *gpu.Tensor) gpu.Dispatch {
	items := rows * columns / 4
	if f != F16 {
		items = rows * ceilDiv(columns, blockValues)
	}
	return gpu.Dispatch{
		Program: program("quantise", wgsl.Values{"F16": wgsl.Bool(f == F16), "Q8": wgsl.Bool(f == Q8)}, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(columns / 4)},
		Args:   []*gpu.Tensor{values, out},
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(items, 64) },
		Flops:  func(*gpu.Replay) float64 { return float64(rows * columns) },
	}
}

// Dequantise records converting weights in a format to f32: packed has the layout of f for [rows,
// columns], out is [rows, columns]; columns is a multiple of 4.
func Dequantise(f Format, rows, columns int, packed, out *gpu.Tensor) gpu.Dispatch {
	vecs := rows * columns / 4
	return gpu.Dispatch{
		Program: f.program("dequantise", nil, gpu.WriteStorage, gpu.ReadStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(columns / 4)},
		Args:    []*gpu.Tensor{out, packed},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * columns) },
	}
}
