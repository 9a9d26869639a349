package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"nextquill/core/internal/half"
)

// Dequantise unpacks len(dst) values from complete blocks in src, bit for bit like Python's gguf
// package (ggml's dequantize_row_*). The conversions float32(a*b) round products before additions,
// so the compiler cannot fuse them. It panics for an unsupported type or lengths that do not match.
func Dequantise(t Type, dst []float32, src []byte) {
	l := layouts[t]
	if l.elements == 0 || len(dst)%l.elements != 0 || len(src) != len(dst)/l.elements*l.bytes {
		panic(fmt.Sprintf("gguf: %d values of type %s from %d bytes", len(dst), t, len(src)))
	}
	for len(dst) > 0 {
		l.unpack(dst[:l.elements], src[:l.bytes])
		dst, src = dst[l.elements:], src[l.bytes:]
	}
}

func scale(b []byte) float32 { return half.Float(binary.LittleEndian.Uint16(b)) }

func unpackF32(dst []float32, b []byte) { dst[0] = math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func unpackF16(dst []float32, b []byte) { dst[0] = scale(b) }

func unpackBF16(dst []float32, b []byte) {
	dst[0] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
}

// Blocks of 32 store their first half in low bits: value i is in the low four bits of byte i, value
// i+16 in the high four.

// unpackQ4_0: f16 d, 16 bytes; x = d·(q − 8).
func unpackQ4_0(dst []float32, b []byte) {
	d := scale(b)
	for i, q := range b[2:18] {
		dst[i] = d * float32(int(q&15)-8)
		dst[i+16] = d * float32(int(q>>4)-8)
	}
}

// unpackQ4_1: f16 d, f16 m, 16 bytes; x = d·q + m.
func unpackQ4_1(dst []float32, b []byte) {
	d, m := scale(b), scale(b[2:])
	for i, q := range b[4:20] {
		dst[i] = float32(d*float32(q&15)) + m
		dst[i+16] = float32(d*float32(q>>4)) + m
	}
}

// fifth returns bit i of high, moved to bit 4.
func fifth(high uint32, i int) byte { return byte(high>>i&1) << 4 }

// unpackQ5_0: f16 d, 32 fifth bits, 16 bytes; x = d·(q − 16).
func unpackQ5_0(dst []float32, b []byte) {
	d, high := scale(b), binary.LittleEndian.Uint32(b[2:])
	for i, q := range b[6:22] {
		dst[i] = d * float32(int(q&15|fifth(high, i))-16)
		dst[i+16] = d * float32(int(q>>4|fifth(high, i+16))-16)
	}
}

// unpackQ5_1: f16 d, f16 m, 32 fifth bits, 16 bytes; x = d·q + m.
func unpackQ5_1(dst []float32, b []byte) {
	d, m, high := scale(b), scale(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range b[8:24] {
		dst[i] = float32(d*float32(q&15|fifth(high, i))) + m
		dst[i+16] = float32(d*float32(q>>4|fifth(high, i+16))) + m
	}
}

// unpackQ8_0: f16 d, 32 signed bytes; x = d·q.
func unpackQ8_0(dst []float32, b []byte) {
	d := scale(b)
	for i, q := range b[2:34] {
		dst[i] = d * float32(int8(q))
	}
}
