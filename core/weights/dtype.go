package weights

import (
	"slices"

	"nextquill/core/weights/gguf"
)

// DType is an element type as safetensors spells it, or a type of packed blocks as ggml does ("Q4_1").
type DType string

// The plain types that ReadF32 converts; it converts those of package gguf, too. Files may hold others; they can be listed and
// read as bytes.
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

// Size is the bytes of one element, or 0 for a type of blocks or one we do not know.
func (d DType) Size() int { return int(elementSize[d]) }

// Block gives the values packed together and their bytes: 32 in 20 for Q4_1, 1 in 2 for F16. Zeros for a type that ReadF32
// does not convert.
func (d DType) Block() (elements, bytes int) { return gguf.Type(d).Block() }

// IsFloat tells whether ReadF32 converts the type.
func (d DType) IsFloat() bool { return slices.Contains(gguf.Types, gguf.Type(d)) }
