package gguf_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/weights/gguf"
)

// TestQuantiseMatchesReference compares every supported type with Python's gguf package, bit for
// bit.
func TestQuantiseMatchesReference(t *testing.T) {
	f, err := gguf.Open(t.Context(), testdata, "quantised.gguf")
	require.NoError(t, err)
	_, raw := bytesOf(t, f, "values")
	values := make([]float32, len(raw)/4)
	gguf.Dequantise(gguf.F32, values, raw)
	written := 0
	for _, kind := range gguf.Types {
		if !gguf.CanQuantise(kind) || kind == gguf.F32 {
			continue
		}
		written++
		_, want := bytesOf(t, f, string(kind))
		got := make([]byte, len(want))
		gguf.Quantise(kind, got, values)
		elements, size := kind.Block()
		for i := 0; i < len(got); i += size {
			require.Equal(t, want[i:i+size], got[i:i+size], "%s, values from %d: %v", kind, i/size*elements,
				values[i/size*elements:][:elements])
		}
	}
	require.Equal(t, len(f.Tensors)-1, written)
	got := make([]byte, len(raw))
	gguf.Quantise(gguf.F32, got, values)
	require.Equal(t, raw, got)
}

// TestQuantiseTinyValues quantises blocks whose scale has no inverse. They become zeros, without
// overflow.
func TestQuantiseTinyValues(t *testing.T) {
	tiny := make([]float32, 32)
	for i := range tiny {
		tiny[i] = math.SmallestNonzeroFloat32 * float32(i-7)
	}
	for _, kind := range []gguf.Type{gguf.Q4_0, gguf.Q4_1, gguf.Q8_0} {
		_, size := kind.Block()
		packed := make([]byte, size)
		gguf.Quantise(kind, packed, tiny)
		back := make([]float32, 32)
		gguf.Dequantise(kind, back, packed)
		for _, x := range back {
			require.Zero(t, x, kind)
		}
	}
	require.Panics(t, func() { gguf.Quantise(gguf.Q6_K, make([]byte, 210), make([]float32, 256)) })
	require.Panics(t, func() { gguf.Quantise(gguf.Q8_0, make([]byte, 34), make([]float32, 31)) })
}
