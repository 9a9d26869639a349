package weights

import (
	"encoding/binary"
	"math"
)

// DType is an element type as safetensors spells it.
type DType string

// The element types that ReadF32 converts. Files may hold others; they can be listed and read as bytes.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

// elementSize holds the bytes of one element for every type of the reference implementation that fills whole bytes.
var elementSize = map[DType]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
	"U16": 2, "I16": 2, F16: 2, BF16: 2,
	"U32": 4, "I32": 4, F32: 4,
	"U64": 8, "I64": 8, "F64": 8, "C64": 8,
}

// Size is the bytes of one element, or 0 for a type we do not know.
func (d DType) Size() int { return int(elementSize[d]) }

// IsFloat tells whether ReadF32 converts the type.
func (d DType) IsFloat() bool { return d == F32 || d == F16 || d == BF16 }

// toF32 converts len(dst) little-endian elements. It returns the index of the first one that is not finite, or -1.
func (d DType) toF32(dst []float32, src []byte) (bad int) {
	bad = -1
	for i := range dst {
		var bits uint32
		switch d {
		case F32:
			bits = binary.LittleEndian.Uint32(src[4*i:])
		case F16:
			bits = halfBits(binary.LittleEndian.Uint16(src[2*i:]))
		case BF16:
			bits = uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16
		}
		if bits&0x7f800000 == 0x7f800000 && bad < 0 {
			bad = i
		}
		dst[i] = math.Float32frombits(bits)
	}
	return bad
}

// halfBits widens an IEEE 754 binary16 to the bits of the equal binary32.
func halfBits(h uint16) uint32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0x1f: // infinity or NaN
		return sign | 0x7f800000 | frac<<13
	case 0: // zero or subnormal: frac × 2⁻²⁴ is exact in binary32
		return sign | math.Float32bits(float32(frac)*0x1p-24)
	}
	return sign | (exp+112)<<23 | frac<<13
}
