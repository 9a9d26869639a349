//go:build !wasm

package kerneltest_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
	"nextquill/core/kernels/kerneltest"
)

// TestFormatsMatchNumPy compares the words of each format, and the values that they stand for, with
// those of testdata/oracle/quantise.py, bit for bit.
func TestFormatsMatchNumPy(t *testing.T) {
	raw, err := os.ReadFile("../../../testdata/oracle/formats.json")
	require.NoError(t, err)
	var golden struct {
		Rows, Columns int
		Values        []float32
		Formats       map[string]struct {
			Words  []uint32
			Values []float32
		}
	}
	require.NoError(t, json.Unmarshal(raw, &golden))
	require.Len(t, golden.Formats, 3)
	for name, want := range golden.Formats {
		f, err := kernels.ParseFormat(name)
		require.NoError(t, err)
		words := kerneltest.QuantiseRef(f, golden.Rows, golden.Columns, golden.Values)
		require.Equal(t, want.Words, words, name)
		for i, v := range kerneltest.DequantiseRef(f, golden.Rows, golden.Columns, words) {
			require.Equal(t, math.Float32bits(want.Values[i])&0x7fffffff, math.Float32bits(v)&0x7fffffff, "%s %d", name,
				i)
		}
	}
}
