// Package gguftest writes small GGUF files for tests, both valid and invalid ones.
package gguftest

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Entry is a metadata entry. Value is a string, bool, uint32, int32, float32, uint64, float64,
// []string, []int32, []float32, or Raw.
type Entry struct {
	Key   string
	Value any
}

// Raw is an encoded value, including its kind.
type Raw string

// Tensor describes a tensor as the file does: dimensions innermost first, offset relative to the
// data.
type Tensor struct {
	Name   string
	Dims   []uint64
	Type   uint32
	Offset uint64
}

// File is a file to write.
type File struct {
	Metadata []Entry
	Tensors  []Tensor
	Data     []byte // after the header, which is padded to 32 bytes
}

// U32 and U64 encode little-endian integers, for files that Encode would not write.
func U32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }

// U64 encodes a 64-bit integer.
func U64(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }

// Text encodes a string with its length prefix.
func Text(s string) string { return U64(uint64(len(s))) + s }

// Start encodes magic, version and counts.
func Start(version uint32, tensors, metadata uint64) string {
	return "GGUF" + U32(version) + U64(tensors) + U64(metadata)
}

// Encode returns the file's bytes, in version 3.
func (f File) Encode() string {
	out := Start(3, uint64(len(f.Tensors)), uint64(len(f.Metadata)))
	for _, e := range f.Metadata {
		out += Text(e.Key) + encode(e.Value)
	}
	for _, t := range f.Tensors {
		out += Text(t.Name) + U32(uint32(len(t.Dims)))
		for _, d := range t.Dims {
			out += U64(d)
		}
		out += U32(t.Type) + U64(t.Offset)
	}
	if len(f.Tensors) > 0 {
		for len(out)%32 != 0 {
			out += "\x00"
		}
	}
	return out + string(f.Data)
}

func encode(value any) string {
	switch v := value.(type) {
	case Raw:
		return string(v)
	case uint32:
		return U32(4) + U32(v)
	case int32:
		return U32(5) + U32(uint32(v))
	case float32:
		return U32(6) + U32(math.Float32bits(v))
	case bool:
		if v {
			return U32(7) + "\x01"
		}
		return U32(7) + "\x00"
	case string:
		return U32(8) + Text(v)
	case uint64:
		return U32(10) + U64(v)
	case float64:
		return U32(12) + U64(math.Float64bits(v))
	case []string:
		return array(8, v, Text)
	case []int32:
		return array(5, v, func(n int32) string { return U32(uint32(n)) })
	case []float32:
		return array(6, v, func(x float32) string { return U32(math.Float32bits(x)) })
	}
	panic(fmt.Sprintf("gguftest: cannot write a %T", value))
}

func array[T any](kind uint32, values []T, one func(T) string) string {
	out := []byte(U32(9) + U32(kind) + U64(uint64(len(values))))
	for _, v := range values {
		out = append(out, one(v)...)
	}
	return string(out)
}
