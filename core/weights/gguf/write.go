package gguf

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"nextquill/core/blob"
)

// Entry is a metadata entry to write.
type Entry struct {
	Key   string
	value []byte // kind and value, encoded
}

// NewEntry encodes a string, bool, uint32 or float32. It panics for other types.
func NewEntry(key string, value any) Entry {
	le := binary.LittleEndian
	var b []byte
	switch v := value.(type) {
	case string:
		b = appendText(le.AppendUint32(nil, uint32(String)), v)
	case bool:
		b = append(le.AppendUint32(nil, uint32(Bool)), 0)
		if v {
			b[4] = 1
		}
	case uint32:
		b = le.AppendUint32(le.AppendUint32(nil, uint32(Uint32)), v)
	case float32:
		b = le.AppendUint32(le.AppendUint32(nil, uint32(Float32)), math.Float32bits(v))
	default:
		panic(fmt.Sprintf("gguf: cannot write a %T", value))
	}
	return Entry{key, b}
}

// Entries reads a file's metadata in encoded form, to be copied unchanged. It leaves out the
// alignment, because written files use the default.
func (f *File) Entries(ctx context.Context, store blob.Store) ([]Entry, error) {
	var out []Entry
	for _, s := range f.spans {
		if s.key == alignmentKey {
			continue
		}
		e := Entry{s.key, make([]byte, s.end-s.begin)}
		if err := store.ReadAt(ctx, f.Name, e.value, s.begin); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Layout describes a tensor to write. Its rows must be complete blocks of its type.
type Layout struct {
	Name  string
	Type  Type
	Shape []int // outermost first
}

// Values is the number of values.
func (l Layout) Values() int {
	n := 1
	for _, d := range l.Shape {
		n *= d
	}
	return n
}

// Bytes is the size of the data in bytes, without padding.
func (l Layout) Bytes() int64 {
	elements, bytes := l.Type.Block()
	return int64(l.Values()/elements) * int64(bytes)
}

// Padding is the number of zero bytes after n bytes that align the next tensor.
func Padding(n int64) int64 { return -n & (plainAlignment - 1) }

// EncodeHeader returns the bytes of a version 3 file before the tensor data. The data follows in
// the order of tensors, each with its Padding. EncodeHeader panics for an unknown type or rows of
// incomplete blocks.
func EncodeHeader(entries []Entry, tensors []Layout) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(magic), 3)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(entries)))
	for _, e := range entries {
		b = append(appendText(b, e.Key), e.value...)
	}
	var offset int64
	for _, t := range tensors {
		b = le.AppendUint32(appendText(b, t.Name), uint32(len(t.Shape)))
		for _, d := range slices.Backward(t.Shape) {
			b = le.AppendUint64(b, uint64(d))
		}
		number := slices.Index(typeNames[:], t.Type)
		elements, _ := t.Type.Block()
		if number < 0 || elements == 0 || t.Shape[len(t.Shape)-1]%elements != 0 {
			panic(fmt.Sprintf("gguf: tensor %s of shape %v cannot have the type %s", t.Name, t.Shape, t.Type))
		}
		b = le.AppendUint64(le.AppendUint32(b, uint32(number)), uint64(offset))
		offset += t.Bytes() + Padding(t.Bytes())
	}
	return append(b, make([]byte, Padding(int64(len(b))))...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}
