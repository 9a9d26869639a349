package kernels

import (
	"nextquill/core/gpu"
)

// Quantise records turning f32 weights into a format: values [rows, columns], out as f
// lays [rows, columns] out; columns is a multiple of 4. F16 rounds to nearest even; Q8
// and Q4 take the range of each block of 32 and the nearest of its steps. The same bits
// come out on every device.
func Quantise(f Format, rows, columns int, values, out *gpu.Tensor) gpu.Dispatch {
	items := rows * columns / 4
	if f != F16 {
		items = rows * ceilDiv(columns, blockValues)
	}
	return gpu.Dispatch{
		Program: program("quantise", Consts{"F16": f == F16, "Q8": f == Q8}, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(columns / 4)},
		Args:    []*gpu.Tensor{values, out},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(items, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * columns) },
	}
}

// Dequantise records turning weights in a format into f32: packed as f lays [rows,
// columns] out, out [rows, columns]; columns is a multiple of 4.
func Dequantise(f Format, rows, columns int, packed, out *gpu.Tensor) gpu.Dispatch {
	vecs := rows * columns / 4
	return gpu.Dispatch{
		Program: f.unrolled("dequantise", map[string]int{"TERMS": 1}, gpu.WriteStorage, gpu.ReadStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(columns / 4)},
		Args:    []*gpu.Tensor{out, packed},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * columns) },
	}
}
