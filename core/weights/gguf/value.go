package gguf

import (
	"fmt"

	"nextquill/core/fault"
)

// Kind is the type of a metadata value, with the format's numbers.
type Kind uint32

// The kinds of the format.
const (
	Uint8 Kind = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

var kinds = [...]struct {
	name string
	size uint64 // minimum size of one value in the file, in bytes
}{
	Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2}, Uint32: {"uint32", 4},
	Int32:   {"int32", 4},
	Float32: {"float32", 4}, Bool: {"bool", 1}, String: {"string", 8}, Array: {"array", 12}, Uint64: {"uint64", 8},
	Int64: {"int64", 8}, Float64: {"float64", 8},
}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// Value is a metadata value. Scalars are stored as uint64, int64, float64, bool or string, whatever
// their width in the file. Arrays are slices of one of these.
type Value struct {
	Kind Kind
	data any
}

// Any returns a uint64, int64, float64, bool, string or a slice of these. An array of arrays is a
// []Value.
func (v Value) Any() any { return v.data }

// Text returns a string value.
func (v Value) Text() (string, bool) { s, ok := v.data.(string); return s, ok }

// Texts returns an array of strings.
func (v Value) Texts() ([]string, bool) { s, ok := v.data.([]string); return s, ok }

// Bool returns a bool value.
func (v Value) Bool() (is, ok bool) { is, ok = v.data.(bool); return is, ok }

// Int returns an integer of any width that fits an int64.
func (v Value) Int() (int64, bool) {
	switch n := v.data.(type) {
	case int64:
		return n, true
	case uint64:
		return int64(n), n < 1<<63
	}
	return 0, false
}

// Float returns a number of any kind.
func (v Value) Float() (float64, bool) {
	switch n := v.data.(type) {
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// Ints returns an array of integers that fit an int64.
func (v Value) Ints() ([]int64, bool) {
	switch a := v.data.(type) {
	case []int64:
		return a, true
	case []uint64:
		out := make([]int64, len(a))
		for i, n := range a {
			if n >= 1<<63 {
				return nil, false
			}
			out[i] = int64(n)
		}
		return out, true
	}
	return nil, false
}

// Floats returns an array of floats.
func (v Value) Floats() ([]float64, bool) { a, ok := v.data.([]float64); return a, ok }

// values reads metadata values. It counts the elements of all arrays, which bounds memory.
type values struct {
	*cursor
	elements int
}

func (r *values) value(kind Kind, depth int) Value {
	v := Value{Kind: kind}
	switch {
	case kind == Array:
		v.data = r.array(depth)
	case kind == Float32 || kind == Float64:
		v.data = r.float(kind)
	case kind == Bool:
		v.data = r.bool()
	case kind == String:
		v.data = r.text("a string", maxString)
	case kind == Int8 || kind == Int16 || kind == Int32 || kind == Int64:
		v.data = r.signed(kind)
	case kind < Kind(len(kinds)):
		v.data = r.number(int(kinds[kind].size))
	default:
		r.unknown(kind)
	}
	return v
}

func (r *values) unknown(kind Kind) {
	if r.err == nil {
		r.fail(fault.Malformed, "has a value of unknown %v", kind).WithRemedy(downloadAgain)
	}
}

func (r *values) float(kind Kind) float64 {
	if kind == Float32 {
		return r.f32()
	}
	return r.f64()
}

func (r *values) signed(kind Kind) int64 {
	shift := 64 - 8*kinds[kind].size
	return int64(r.number(int(kinds[kind].size))<<shift) >> shift
}

func (r *values) bool() bool {
	b := r.number(1)
	if b > 1 {
		r.fail(fault.Malformed, "has a bool with value %d", b).WithRemedy(downloadAgain)
	}
	return b == 1
}

func (r *values) array(depth int) any {
	kind := Kind(r.u32())
	if kind >= Kind(len(kinds)) {
		r.unknown(kind)
		return nil
	}
	n := r.count("elements", kinds[kind].size, maxArray)
	if r.elements += n; r.elements > maxElements {
		r.fail(fault.TooLarge, "the arrays hold more than %d elements", maxElements)
		return nil
	}
	switch kind {
	case Array:
		if depth == maxDepth {
			r.fail(fault.TooLarge, "arrays are nested too deeply").WithLimit("%d", maxDepth)
			return nil
		}
		return list(r, n, func() Value { return r.value(Array, depth+1) })
	case String:
		return list(r, n, func() string { return r.text("a string", maxString) })
	case Bool:
		return list(r, n, r.bool)
	case Float32, Float64:
		return list(r, n, func() float64 { return r.float(kind) })
	case Int8, Int16, Int32, Int64:
		return list(r, n, func() int64 { return r.signed(kind) })
	}
	size := int(kinds[kind].size)
	return list(r, n, func() uint64 { return r.number(size) })
}

func list[T any](r *values, n int, next func() T) []T {
	out := make([]T, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		out = append(out, next())
	}
	return out
}
