package kernels

import (
	"fmt"
	"maps"

	"nextquill/core/gpu"
	"nextquill/core/weights/gguf"
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

// blockLayouts are the values of unpack_blocks.wgsl for ggml's types of 32 values.
var blockLayouts = map[string]wgsl.Values{
	"Q4_0": {"QUANTS": 2, "OFFSET": 8, "BYTES": 0, "FIFTH": 0, "MINIMUM": 0},
	"Q4_1": {"QUANTS": 4, "OFFSET": 0, "BYTES": 0, "FIFTH": 0, "MINIMUM": 1},
	"Q5_0": {"QUANTS": 6, "OFFSET": 16, "BYTES": 0, "FIFTH": 1, "MINIMUM": 0},
	"Q5_1": {"QUANTS": 8, "OFFSET": 0, "BYTES": 0, "FIFTH": 1, "MINIMUM": 1},
	"Q8_0": {"QUANTS": 2, "OFFSET": 0, "BYTES": 1, "FIFTH": 0, "MINIMUM": 0},
}

// superblockLayouts are the values of unpack_superblocks.wgsl for ggml's types of 256 values.
var superblockLayouts = map[string]wgsl.Values{
	"Q4_K": {"FIFTH": 0, "SIX": 0},
	"Q5_K": {"FIFTH": 1, "SIX": 0},
	"Q6_K": {"FIFTH": 0, "SIX": 1},
}

// repackLayouts are the values of repack_blocks.wgsl for the types whose blocks a Format holds
// exactly.
var repackLayouts = map[string]wgsl.Values{
	"Q4_0": {"QUANTS": 2, "BYTES": 0, "FIFTH": 0, "MINIMUM": 0},
	"Q4_1": {"QUANTS": 4, "BYTES": 0, "FIFTH": 0, "MINIMUM": 1},
	"Q5_0": {"QUANTS": 6, "BYTES": 1, "FIFTH": 1, "MINIMUM": 0},
	"Q8_0": {"QUANTS": 2, "BYTES": 1, "FIFTH": 0, "MINIMUM": 0},
}

// withBlock adds the size of a type's block to its values.
func withBlock(dtype string, layout wgsl.Values) wgsl.Values {
	_, bytes := gguf.Type(dtype).Block()
	values := maps.Clone(layout)
	values["BLOCK"] = bytes
	return values
}

// ExactFormat is the smallest format that holds all values of a file's type exactly.
func ExactFormat(dtype string) Format {
	switch dtype {
	case "F16":
		return F16
	case "Q5_0", "Q8_0":
		return Q8
	case "Q4_0", "Q4_1":
		return Q4
	}
	return F32
}

// UnpackBlocks records the dequantization of blocks of a GGUF file: raw holds rows·width values of
// dtype, padded to complete words; out is [rows, width]; width is a multiple of the block size. If
// paired > 0, it is the number of rows of a head, which divides rows: llama.cpp has reordered them
// (weights.Info.PairedRows) and the kernel restores their order. The result equals gguf.Dequantise
// to the bit.
func UnpackBlocks(dtype string, rows, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	file, layout := "unpack_blocks", blockLayouts[dtype]
	if layout == nil {
		file, layout = "unpack_superblocks", superblockLayouts[dtype]
	}
	if layout == nil {
		panic("kernels: unpack blocks: no type " + dtype)
	}
	vecs := rows * width / 4
	return gpu.Dispatch{
		Program: program(file, withBlock(dtype, layout), gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs), uint32(width), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * width) },
	}
}

// RepackBlocks records converting blocks of a GGUF file to those of ExactFormat(dtype), Q8 or Q4,
// which hold the same values. raw and paired are as for UnpackBlocks; out has the layout of the
// format for [rows, width]. invalid [1] becomes NaN if a scale is not finite; otherwise it stays as
// it is.
func RepackBlocks(dtype string, rows, width, paired int, raw, out, invalid *gpu.Tensor) gpu.Dispatch {
	layout := repackLayouts[dtype]
	if layout == nil {
		panic("kernels: repack blocks: no type " + dtype)
	}
	blocks := width / blockValues
	return gpu.Dispatch{
		Program: program("repack_blocks", withBlock(dtype, layout), gpu.ReadStorage, gpu.WriteStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(rows), uint32(blocks), uint32(paired)},
		Args:   []*gpu.Tensor{raw, out, invalid},
		Groups: func(*gpu.Replay) [3]uint32 { return linearGroups(rows*blocks, 64) },
		Flops:  func(*gpu.Replay) float64 { return float64(rows * width) },
	}
}
