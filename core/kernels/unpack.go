package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/shaders"
)

// Unpack records the widening of plain values to f32: raw as a file holds n values of
// dtype "F32", "F16" or "BF16", out [n]. Exact for all values. paired > 0 is the rows
// of a head whose order is put right, see UnpackBlocks; the values then are a matrix
// whose rows have width values, a multiple of 4.
func Unpack(dtype string, n, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	if dtype != "F32" && dtype != "F16" && dtype != "BF16" {
		panic(fmt.Sprintf("kernels: unpack: no dtype %q", dtype))
	}
	vecs := ceilDiv(n, 4)
	return gpu.Dispatch{
		Program: programAfter(shaders.Text("raw"), "unpack", Consts{"F32": dtype == "F32", "BF16": dtype == "BF16"}, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs), uint32(max(1, width/4)), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(n) },
	}
}
