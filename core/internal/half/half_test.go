package half_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/internal/half"
)

// TestRound checks every binary16, the midpoints between neighbours, and the values next to the
// midpoints.
func TestRound(t *testing.T) {
	for h := range uint16(0x7c00) {
		x := half.Float(h)
		next := half.Float(h + 1)
		require.Equal(t, h, half.Round(x))
		require.Equal(t, h|0x8000, half.Round(-x))
		if h+1 == 0x7c00 {
			next = 65536 // as if the binary16 range had one more number
		}
		middle := (x + next) / 2
		require.Equal(t, h+h&1, half.Round(middle), "half way is rounded to the even one")
		require.Equal(t, h, half.Round(math.Nextafter32(middle, 0)))
		require.Equal(t, h+1, half.Round(math.Nextafter32(middle, math.MaxFloat32)))
	}
	require.EqualValues(t, 0x7c00, half.Round(float32(math.Inf(1))))
	require.EqualValues(t, 0xfc00, half.Round(-math.MaxFloat32))
	require.True(t, math.IsNaN(float64(half.Float(half.Round(float32(math.NaN()))))))
	require.EqualValues(t, 0x8000, half.Round(float32(math.Copysign(1e-30, -1))))
}
