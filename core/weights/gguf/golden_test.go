package gguf_test

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/weights/gguf"
)

var testdata = blob.FromFS(os.DirFS("testdata"))

func bytesOf(t *testing.T, f *gguf.File, name string) (gguf.Tensor, []byte) {
	t.Helper()
	for _, tensor := range f.Tensors {
		if tensor.Name == name {
			p := make([]byte, tensor.End-tensor.Begin)
			require.NoError(t, testdata.ReadAt(t.Context(), f.Name, p, tensor.Begin))
			return tensor, p
		}
	}
	require.Fail(t, "no tensor", name)
	return gguf.Tensor{}, nil
}

// TestDequantiseMatchesReference compares every type with Python's gguf package, bit for bit,
// including negative zeros and subnormals.
func TestDequantiseMatchesReference(t *testing.T) {
	f, err := gguf.Open(t.Context(), testdata, "blocks.gguf")
	require.NoError(t, err)
	require.Len(t, f.Tensors, 2*len(gguf.Types))
	for _, kind := range gguf.Types {
		t.Run(string(kind), func(t *testing.T) {
			tensor, packed := bytesOf(t, f, string(kind))
			require.Equal(t, kind, tensor.Type)
			values, want := bytesOf(t, f, string(kind)+".values")
			require.Equal(t, values.Shape, tensor.Shape)
			got := make([]float32, len(want)/4)
			gguf.Dequantise(kind, got, packed)
			expected := make([]float32, len(got))
			gguf.Dequantise(gguf.F32, expected, want)
			for i := range got {
				require.Equal(t, math.Float32bits(expected[i]), math.Float32bits(got[i]), "value %d: %g, not %g", i,
					got[i], expected[i])
			}
		})
	}
}

func TestMetadataKinds(t *testing.T) {
	f, err := gguf.Open(t.Context(), testdata, "blocks.gguf")
	require.NoError(t, err)
	require.Equal(t, 3, f.Version)
	for key, want := range map[string]any{
		"u8": uint64(200), "i8": int64(-100), "u16": uint64(60000), "i16": int64(-30000), "u32": uint64(math.MaxUint32),
		"i32": int64(math.MinInt32), "f32": float64(float32(.1)), "bool": true, "string": "Ġ\n漢",
		"u64": uint64(math.MaxUint64),
		"i64": int64(math.MinInt64), "f64": .1, "strings": []string{"a", "", "漢"}, "ints": []int64{-1, 2, 3},
		"floats": []float64{.5, -1.5}, "bools": []bool{true, false}, "general.architecture": "none",
	} {
		require.Equal(t, want, f.Metadata[key].Any(), key)
	}
	_, ok := f.Metadata["u64"].Int()
	require.False(t, ok, "too large for an int64")
	n, ok := f.Metadata["i8"].Int()
	require.True(t, ok)
	require.EqualValues(t, -100, n)
	x, ok := f.Metadata["u16"].Float()
	require.True(t, ok)
	require.EqualValues(t, 60000, x)
}

// TestVersion2 reads the same file as version 2. The two versions differ only in byte order
// support.
func TestVersion2(t *testing.T) {
	data, err := os.ReadFile("testdata/blocks.gguf")
	require.NoError(t, err)
	want, err := gguf.Open(t.Context(), testdata, "blocks.gguf")
	require.NoError(t, err)
	data[4], want.Version = 2, 2
	got, err := gguf.Open(t.Context(), blob.NewMem(map[string][]byte{"blocks.gguf": data}), "blocks.gguf")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestTruncated cuts the file at every byte of its header and at some positions after it.
func TestTruncated(t *testing.T) {
	data, err := os.ReadFile("testdata/blocks.gguf")
	require.NoError(t, err)
	for n := 0; n < len(data); n++ {
		if n > 4096 {
			n += 997
		}
		n = min(n, len(data)-1)
		_, err := gguf.Open(t.Context(), blob.NewMem(map[string][]byte{"f": bytes.Clone(data[:n])}), "f")
		require.Error(t, err, "%d bytes", n)
	}
}
