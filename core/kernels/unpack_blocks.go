package kernels

import (
	"encoding/binary"
	"math"

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
		Groups:  func(*gpu.Dyn) [3]uint32 { return linearGroups(vecs, 64) },
		Flops:   func(*gpu.Dyn) float64 { return float64(rows * width) },
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
		Groups:  func(*gpu.Dyn) [3]uint32 { return linearGroups(rows*blocks, 64) },
		Flops:   func(*gpu.Dyn) float64 { return float64(rows * width) },
	}
}

// blockTypes are the types by the number that cases use.
var blockTypes = []string{"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"}

// halves are where a block of each type has its binary16 numbers.
var halves = map[string][]int{"Q4_K": {0, 2}, "Q5_K": {0, 2}, "Q6_K": {208}, "Q4_1": {0, 2}, "Q5_1": {0, 2}}

// fileBlocks makes a file's blocks of rows·width values with any finite scales, and the values in the order that paired says.
func (c *Case) fileBlocks(dtype string, rows, width, paired int) (raw []uint32, values []float32) {
	elements, bytes := gguf.Type(dtype).Block()
	packed := make([]byte, rows*width/elements*bytes)
	for i := range packed {
		packed[i] = byte(c.Rand().Uint32())
	}
	for at := 0; at < len(packed); at += bytes {
		offsets := halves[dtype]
		if offsets == nil {
			offsets = []int{0}
		}
		for _, k := range offsets {
			// Not infinite, nor after a factor of 8.
			if packed[at+k+1]&0x70 == 0x70 {
				packed[at+k+1] &^= 0x40
			}
		}
	}
	stored := make([]float32, rows*width)
	gguf.Dequantise(gguf.Type(dtype), stored, packed)
	raw = make([]uint32, ceilDiv(len(packed), 4))
	for i := range raw {
		var word [4]byte
		copy(word[:], packed[4*i:])
		raw[i] = binary.LittleEndian.Uint32(word[:])
	}
	return raw, unpaired(stored, width, paired)
}

// unpaired puts rows back into the order that transformers has them in.
func unpaired(stored []float32, width, paired int) []float32 {
	out := make([]float32, len(stored))
	for row := range len(out) / width {
		from := row
		if paired > 0 {
			r := row % paired
			from = row - r + 2*(r%(paired/2)) + r/(paired/2)
		}
		copy(out[row*width:][:width], stored[from*width:])
	}
	return out
}

func init() {
	register("unpack_blocks", func(c *Case) {
		rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
		dtype, out := blockTypes[c.Size("type")], c.Garbage("out", rows*width)
		raw, values := c.fileBlocks(dtype, rows, width, paired)
		copy(out.Host, values)
		c.Record(UnpackBlocks(dtype, rows, width, paired, c.Words("raw", raw), out.GPU))
		c.Expect(out, 0)
	})
	register("repack_blocks", func(c *Case) {
		rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
		dtype, out := blockTypes[c.Size("type")], c.Garbage("out", rows*width)
		raw, values := c.fileBlocks(dtype, rows, width, paired)
		copy(out.Host, values)
		f := ExactFormat(dtype)
		packed := c.Garbage("packed", rows*f.RowBytes(width)/4)
		c.Record(RepackBlocks(dtype, rows, width, paired, c.Words("raw", raw), packed.GPU), Dequantise(f, rows, width, packed.GPU, out.GPU))
		c.Expect(out, 0)
	})
	register("unpack_rows", func(c *Case) {
		rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
		dtype, out := []string{"F32", "F16", "BF16"}[c.Size("type")], c.Garbage("out", rows*width)
		raw, stored := make([]uint32, rows*width), make([]float32, rows*width)
		for i := range stored {
			v := float32(c.Rand().NormFloat64())
			switch dtype {
			case "F32":
				raw[i], stored[i] = math.Float32bits(v), v
			case "F16":
				raw[i/2] |= nearestHalf(v) << (16 * (i % 2))
				stored[i] = UnpackRef("F16", uint16(nearestHalf(v)))
			case "BF16":
				half := math.Float32bits(v) >> 16
				raw[i/2] |= half << (16 * (i % 2))
				stored[i] = math.Float32frombits(half << 16)
			}
		}
		copy(out.Host, unpaired(stored, width, paired))
		c.Record(Unpack(dtype, rows*width, width, paired, c.Words("raw", raw), out.GPU))
		c.Expect(out, 0)
	})
}
