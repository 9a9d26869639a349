package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"nextquill/core/internal/half"
)

// packers has the types that Quantise writes.
var packers = map[Type]func(block []byte, src []float32){
	F32: packF32, F16: packF16, BF16: packBF16, Q4_0: packQ4_0, Q4_1: packQ4_1, Q8_0: packQ8_0,
}

// CanQuantise reports whether Quantise supports a type.
func CanQuantise(t Type) bool { return packers[t] != nil }

// Quantise packs finite values into complete blocks, bit for bit like Python's gguf package (ggml's
// quantize_row_*_ref). It panics for an unsupported type or lengths that do not match.
func Quantise(t Type, dst []byte, src []float32) {
	l, pack := layouts[t], packers[t]
	if pack == nil || len(src)%l.elements != 0 || len(dst) != len(src)/l.elements*l.bytes {
		panic(fmt.Sprintf("gguf: %d values to %d bytes of type %s", len(src), len(dst), t))
	}
	for len(src) > 0 {
		pack(dst[:l.bytes], src[:l.elements])
		dst, src = dst[l.bytes:], src[l.elements:]
	}
}

func putScale(b []byte, x float32) { binary.LittleEndian.PutUint16(b, half.Round(x)) }

func packF32(b []byte, src []float32) { binary.LittleEndian.PutUint32(b, math.Float32bits(src[0])) }

func packF16(b []byte, src []float32) { putScale(b, src[0]) }

// packBF16 rounds to nearest, ties to even.
func packBF16(b []byte, src []float32) {
	n := math.Float32bits(src[0])
	binary.LittleEndian.PutUint16(b, uint16((n+0x7fff+n>>16&1)>>16))
}

// inverse returns 1/d. For a block of zeros, or of values too small to divide by in f32, it returns
// 0: the quantized values do not matter.
func inverse(d float32) float32 {
	if id := 1 / d; !math.IsInf(float64(id), 0) {
		return id
	}
	return 0
}

// packQ8_0: d is the largest magnitude divided by 127.
func packQ8_0(b []byte, src []float32) {
	var most float32
	for _, x := range src {
		most = max(most, x, -x)
	}
	d := most / 127
	id := inverse(d)
	putScale(b, d)
	for i, x := range src {
		b[2+i] = byte(int8(math.Round(float64(float32(x * id))))) // ties away from zero
	}
}

// packQ4_0: the value with the largest magnitude becomes −8·d.
func packQ4_0(b []byte, src []float32) {
	signed := src[0]
	for _, x := range src {
		if max(x, -x) > max(signed, -signed) {
			signed = x
		}
	}
	d := signed / -8
	id := inverse(d)
	putScale(b, d)
	quant := func(x float32) byte { return byte(min(float32(x*id)+8.5, 15)) }
	for i := range 16 {
		b[2+i] = quant(src[i]) | quant(src[i+16])<<4
	}
}

// packQ4_1: 0 is the smallest value, 15 the largest.
func packQ4_1(b []byte, src []float32) {
	low, high := src[0], src[0]
	for _, x := range src {
		low, high = min(low, x), max(high, x)
	}
	d := (high - low) / 15
	id := inverse(d)
	putScale(b, d)
	putScale(b[2:], low)
	quant := func(x float32) byte { return byte(min(float32((x-low)*id)+0.5, 15)) }
	for i := range 16 {
		b[4+i] = quant(src[i]) | quant(src[i+16])<<4
	}
}
