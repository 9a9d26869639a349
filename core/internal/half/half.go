// Package half converts between IEEE 754 binary16 and binary32.
package half

import "math"

// Bits converts a binary16 to the bits of the equal binary32, including subnormals, infinities and
// NaN.
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

// Float converts a binary16 to the equal float32.
func Float(h uint16) float32 { return math.Float32frombits(Bits(h)) }

// Round converts to the nearest binary16, ties to even. Values that are too large become infinity.
func Round(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	abs := b & 0x7fffffff
	switch {
	case abs > 0x7f800000: // NaN
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520 and above
		return sign | 0x7c00
	case abs < 0x38800000: // below the smallest normal: a multiple of 2⁻²⁴, rounded by the float32 addition
		return sign | uint16(math.Float32bits(math.Float32frombits(abs)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((abs-0x38000000+0xfff+abs>>13&1)>>13)
}
