package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/weights/gguf"
	"nextquill/shaders"
)

// blockConsts are the shaders' variants by ggml's names.
var blockConsts = map[string]Consts{
	"Q4_0": {"QUANTS": 2, "OFFSET": 8},
	"Q4_1": {"QUANTS": 4, "OFFSET": 0, "MINIMUM": true},
	"Q5_0": {"QUANTS": 6, "OFFSET": 16, "FIFTH": true},
	"Q5_1": {"QUANTS": 8, "OFFSET": 0, "FIFTH": true, "MINIMUM": true},
	"Q8_0": {"QUANTS": 2, "OFFSET": 0, "BYTES": true},
}

var superblockConsts = map[string]Consts{
	"Q4_K": {},
	"Q5_K": {"FIFTH": true},
	"Q6_K": {"SIX": true},
}

// repackConsts are the types whose blocks a Format holds exactly.
var repackConsts = map[string]Consts{
	"Q4_0": {"QUANTS": 2},
	"Q4_1": {"QUANTS": 4, "MINIMUM": true},
	"Q5_0": {"QUANTS": 6, "BYTES": true, "FIFTH": true},
	"Q8_0": {"QUANTS": 2, "BYTES": true},
}

// withBlock adds the size of a block to a type's constants.
func withBlock(dtype string, consts Consts) Consts {
	_, bytes := gguf.Type(dtype).Block()
	all := Consts{"BLOCK": bytes}
	for name, value := range consts {
		all[name] = value
	}
	return all
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

// UnpackBlocks records the dequantisation of a GGUF file's blocks: raw holds rows·width values of dtype, padded to whole words,
// out [rows, width], width whole blocks. paired > 0 is the rows of a head, which divides rows, where llama.cpp has reordered
// them (weights.Info.PairedRows). Bit for bit gguf.Dequantise.
func UnpackBlocks(dtype string, rows, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	file, consts := "unpack_blocks", blockConsts[dtype]
	if consts == nil {
		file, consts = "unpack_superblocks", superblockConsts[dtype]
	}
	if consts == nil {
		panic("kernels: unpack blocks: no type " + dtype)
	}
	vecs := rows * width / 4
	return gpu.Dispatch{
		Program: programAfter(shaders.Text("raw"), file, withBlock(dtype, consts), gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs), uint32(width), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * width) },
	}
}

// RepackBlocks records turning a GGUF file's blocks into those of ExactFormat(dtype), Q8 or Q4, which hold the same values: raw
// and paired as for UnpackBlocks, out as the format lays [rows, width] out.
func RepackBlocks(dtype string, rows, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	consts := repackConsts[dtype]
	if consts == nil {
		panic("kernels: repack blocks: no type " + dtype)
	}
	blocks := width / blockValues
	return gpu.Dispatch{
		Program: programAfter(shaders.Text("raw"), "repack_blocks", withBlock(dtype, consts), gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(rows), uint32(blocks), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Replay) [3]uint32 { return linearGroups(rows*blocks, 64) },
		Flops:   func(*gpu.Replay) float64 { return float64(rows * width) },
	}
}
