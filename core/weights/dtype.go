package weights

import (
	"slices"

	"nextquill/core/weights/gguf"
)

// DType is an element type in safetensors' spelling, or a block type in ggml's ("Q4_1").
type DType string

// The unpacked types that ReadF32 converts. It also converts the types of package gguf. Tensors of
// other types can be listed and read as bytes.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

// elementSize is the size in bytes of one element, for each type of the reference implementation
// that has whole bytes.
var elementSize = map[DType]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
	"U16": 2, "I16": 2, F16: 2, BF16: 2,
	"U32": 4, "I32": 4, F32: 4,
	"U64": 8, "I64": 8, "F64": 8, "C64": 8,
}

// Size is the size of one element in bytes, or 0 for block types and unknown types.
func (d DType) Size() int { return int(elementSize[d]) }

// Block returns the number of values in a block and its size in bytes: 32 and 20 for Q4_1, 1 and 2
// for F16. Both are 0 for a type that ReadF32 does not convert.
func (d DType) Block() (elements, bytes int) { return gguf.Type(d).Block() }

// IsFloat reports whether ReadF32 converts the type.
func (d DType) IsFloat() bool { return slices.Contains(gguf.Types, gguf.Type(d)) }
