package kernels

import (
	"fmt"

	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// Unpack records converting plain values to f32, exactly: raw holds n values of dtype "F32", "F16"
// or "BF16" as in a file, out is [n]. If paired > 0, it is the number of rows of a head whose order
// is restored (see UnpackBlocks); the values are then a matrix with rows of width values, a
// multiple of 4.
func Unpack(dtype string, n, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	if dtype != "F32" && dtype != "F16" && dtype != "BF16" {
		panic(fmt.Sprintf("kernels: unpack: no dtype %q", dtype))
	}
	vecs := ceilDiv(n, 4)
	return gpu.Dispatch{
		Program: program("unpack", wgsl.Values{"F32": wgsl.Bool(dtype == "F32"), "BF16": wgsl.Bool(dtype == "BF16")},
			gpu.ReadStorage, gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(vecs), uint32(max(1, width/4)), uint32(paired)},
		Args:   []*gpu.Tensor{raw, out},
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:  func(*gpu.Replay) float64 { return float64(n) },
	}
}
