package gguf

import "strconv"

// Type is how a tensor's values are packed, with ggml's names.
type Type string

// The types that Dequantise unpacks.
const (
	F32  Type = "F32"
	F16  Type = "F16"
	BF16 Type = "BF16"
	Q4_0 Type = "Q4_0"
	Q4_1 Type = "Q4_1"
	Q5_0 Type = "Q5_0"
	Q5_1 Type = "Q5_1"
	Q8_0 Type = "Q8_0"
	Q4_K Type = "Q4_K"
	Q5_K Type = "Q5_K"
	Q6_K Type = "Q6_K"
)

// Types lists the supported types.
var Types = []Type{F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K}

// typeNames are in the order of ggml's numbers. Empty names are types that ggml has removed.
var typeNames = [...]Type{F32, F16, Q4_0, Q4_1, "", "", Q5_0, Q5_1, Q8_0, "Q8_1", "Q2_K", "Q3_K", Q4_K, Q5_K, Q6_K,
	"Q8_K",
	"IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64",
	"IQ1_M", BF16,
	"", "", "", "TQ1_0", "TQ2_0", "", "", "", "MXFP4"}

// typeOf returns the type with a number, and whether it is supported.
func typeOf(id uint32) (Type, bool) {
	if id >= uint32(len(typeNames)) || typeNames[id] == "" {
		return Type("number " + strconv.FormatUint(uint64(id), 10)), false
	}
	t := typeNames[id]
	return t, layouts[t].elements > 0
}

// layout is the number of values in a block and its size in bytes.
type layout struct {
	elements, bytes int
	unpack          func(dst []float32, block []byte)
}

// superBlock is the number of values in a K-quant block.
const superBlock = 256

var layouts = map[Type]layout{
	F32:  {1, 4, unpackF32},
	F16:  {1, 2, unpackF16},
	BF16: {1, 2, unpackBF16},
	Q4_0: {32, 2 + 16, unpackQ4_0},
	Q4_1: {32, 2 + 2 + 16, unpackQ4_1},
	Q5_0: {32, 2 + 4 + 16, unpackQ5_0},
	Q5_1: {32, 2 + 2 + 4 + 16, unpackQ5_1},
	Q8_0: {32, 2 + 32, unpackQ8_0},
	Q4_K: {superBlock, 2 + 2 + 12 + 128, unpackQ4_K},
	Q5_K: {superBlock, 2 + 2 + 12 + 32 + 128, unpackQ5_K},
	Q6_K: {superBlock, 128 + 64 + 16 + 2, unpackQ6_K},
}

// Block returns the number of values in a block and its size in bytes, or zeros for an unsupported
// type.
func (t Type) Block() (elements, bytes int) { return layouts[t].elements, layouts[t].bytes }
