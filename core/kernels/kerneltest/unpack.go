package kerneltest

import (
	"encoding/binary"
	"math"

	"nextquill/core/kernels"
	"nextquill/core/weights/gguf"
)

// UnpackRef is Unpack of one value on the CPU.
func UnpackRef(dtype string, half uint16) float32 {
	if dtype == "BF16" {
		return math.Float32frombits(uint32(half) << 16)
	}
	sign, exponent, mantissa := 1-2*float64(half>>15), int(half>>10&31), float64(half&1023)
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(mantissa, -24), sign))
	case 31:
		if mantissa != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+mantissa, exponent-25))
}

// unpackCase converts n of the 65,536 values of 16 bits, from a first one on.
func unpackCase(c *Case) {
	n, dtype := c.Size("n"), "F16"
	if c.Flag("bf16") {
		dtype = "BF16"
	}
	raw, out := make([]uint32, (n+1)/2), c.Garbage("out", n)
	for i := range n {
		half := uint16(c.Size("from") + i)
		if want := UnpackRef(dtype, half); want == want {
			out.Host[i] = want
		} else {
			half, out.Host[i] = 0, 0 // NaNs cannot be compared
		}
		raw[i/2] |= uint32(half) << (16 * (i % 2))
	}
	c.Record(kernels.Unpack(dtype, n, n, 0, c.Words("raw", raw), out.GPU))
	c.Expect(out, 0)
}

// blockTypes are the types; cases name them by index.
var blockTypes = []string{"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"}

// halves are the offsets of the binary16 numbers in a block of each type.
var halves = map[string][]int{"Q4_K": {0, 2}, "Q5_K": {0, 2}, "Q6_K": {208}, "Q4_1": {0, 2}, "Q5_1": {0, 2}}

// fileBlocks makes the blocks of a file with rows·width values and random finite scales. It returns
// them with the values in the order that paired implies.
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
			// Neither the scale nor 8 times the scale may be infinite.
			if packed[at+k+1]&0x70 == 0x70 {
				packed[at+k+1] &^= 0x40
			}
		}
	}
	stored := make([]float32, rows*width)
	gguf.Dequantise(gguf.Type(dtype), stored, packed)
	raw = make([]uint32, (len(packed)+3)/4)
	for i := range raw {
		var word [4]byte
		copy(word[:], packed[4*i:])
		raw[i] = binary.LittleEndian.Uint32(word[:])
	}
	return raw, unpaired(stored, width, paired)
}

// unpaired restores the order that rows have in transformers.
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

func unpackBlocksCase(c *Case) {
	rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
	dtype, out := blockTypes[c.Size("type")], c.Garbage("out", rows*width)
	raw, values := c.fileBlocks(dtype, rows, width, paired)
	copy(out.Host, values)
	c.Record(kernels.UnpackBlocks(dtype, rows, width, paired, c.Words("raw", raw), out.GPU))
	c.Expect(out, 0)
}

func repackBlocksCase(c *Case) {
	rows, width, paired := c.Size("rows"), c.Size("width"), c.Size("paired")
	dtype, out := blockTypes[c.Size("type")], c.Garbage("out", rows*width)
	raw, values := c.fileBlocks(dtype, rows, width, paired)
	copy(out.Host, values)
	invalid := c.Values("invalid", []float32{0})
	f := kernels.ExactFormat(dtype)
	packed := c.Garbage("packed", rows*f.RowBytes(width)/4)
	if c.Flag("infinite") {
		switch first := &raw[0]; c.Size("infinite") {
		case 1: // the scale
			*first |= 0x7c00
		case 2: // the minimum in the file
			*first |= 0x7c00 << 16
		case 3: // −8 times the scale, which is finite
			*first = *first&^0xffff | 0x7000
		}
		invalid.Host[0] = math.Float32frombits(0x7fc00000)
	}
	c.Record(kernels.RepackBlocks(dtype, rows, width, paired, c.Words("raw", raw), packed.GPU, invalid.GPU),
		kernels.Dequantise(f, rows, width, packed.GPU, out.GPU))
	c.ExpectBits(invalid)
	if !c.Flag("infinite") {
		c.Expect(out, 0)
	}
}

func unpackRowsCase(c *Case) {
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
	c.Record(kernels.Unpack(dtype, rows*width, width, paired, c.Words("raw", raw), out.GPU))
	c.Expect(out, 0)
}
