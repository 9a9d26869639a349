// Package half widens IEEE 754 binary16 numbers.
package half

import "math"

// Bits widens a binary16 to the bits of the equal binary32; subnormals, infinities and NaN included.
func Bits(h uint16) uint32 {
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

// Float is Bits as a number.
func Float(h uint16) float32 { return math.Float32frombits(Bits(h)) }
