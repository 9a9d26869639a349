package kernels

import (
	"encoding/binary"

	"nextquill/core/gpu"
	"nextquill/core/weights/gguf"
)

// blockConsts are the shader's variants by ggml's names.
var blockConsts = map[string]Consts{
	"Q4_0": {"QUANTS": 2, "OFFSET": 8},
	"Q4_1": {"QUANTS": 4, "OFFSET": 0, "MINIMUM": true},
	"Q5_0": {"QUANTS": 6, "OFFSET": 16, "FIFTH": true},
	"Q5_1": {"QUANTS": 8, "OFFSET": 0, "FIFTH": true, "MINIMUM": true},
	"Q8_0": {"QUANTS": 2, "OFFSET": 0, "BYTES": true},
}

// UnpacksBlocks tells whether UnpackBlocks knows a type.
func UnpacksBlocks(dtype string) bool { return blockConsts[dtype] != nil }

// UnpackBlocks records the dequantisation of blocks of 32 values: raw holds rows·width/32 blocks of a GGUF file's dtype, padded to
// whole words, out [rows, width], width a multiple of 32. paired > 0 is the rows of a head, which divides rows, where llama.cpp has
// reordered them (weights.Info.PairedRows). Bit for bit gguf.Dequantise.
func UnpackBlocks(dtype string, rows, width, paired int, raw, out *gpu.Tensor) gpu.Dispatch {
	_, bytes := gguf.Type(dtype).Block()
	consts := Consts{"BLOCK": bytes}
	for name, value := range blockConsts[dtype] {
		consts[name] = value
	}
	vecs := rows * width / 4
	return gpu.Dispatch{
		Program: program("unpack_blocks", consts, gpu.ReadStorage, gpu.WriteStorage),
		Shape:   gpu.Shape{uint32(vecs), uint32(width), uint32(paired)},
		Args:    []*gpu.Tensor{raw, out},
		Groups:  func(*gpu.Dyn) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Dyn) float64 { return float64(rows * width) },
	}
}

// blockTypes are the types by the number that cases use.
var blockTypes = []string{"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}

func init() {
	register("unpack_blocks", func(c *Case) {
		rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
		dtype := blockTypes[c.Size("type")]
		elements, bytes := gguf.Type(dtype).Block()
		packed := make([]byte, rows*width/elements*bytes)
		for i := range packed {
			packed[i] = byte(c.Rand().Uint32())
		}
		// Scales and minima: any finite binary16, so that infinities are not compared.
		for at := 0; at < len(packed); at += bytes {
			for _, k := range []int{0, 2} {
				if packed[at+k+1]&0x7c == 0x7c {
					packed[at+k+1] &^= 0x40
				}
			}
		}
		stored := make([]float32, rows*width)
		gguf.Dequantise(gguf.Type(dtype), stored, packed)
		out := c.Garbage("out", rows*width)
		for row := range rows {
			from := row
			if paired > 0 {
				r := row % paired
				from = row - r + 2*(r%(paired/2)) + r/(paired/2)
			}
			copy(out.Host[row*width:][:width], stored[from*width:])
		}
		raw := make([]uint32, ceilDiv(len(packed), 4))
		for i := range raw {
			var word [4]byte
			copy(word[:], packed[4*i:])
			raw[i] = binary.LittleEndian.Uint32(word[:])
		}
		c.Record(UnpackBlocks(dtype, rows, width, paired, c.Words("raw", raw), out.GPU))
		c.Expect(out, 0)
	})
}
