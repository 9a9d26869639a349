package kernels

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Blocks are multiples of a vec4 and not larger than their variant allows.
func TestLinearBlock(t *testing.T) {
	for _, v := range linearVariants {
		for _, kind := range []linearKind{linearForward, linearInput, linearWeight} {
			for _, in := range []int{4, 8, 64, 256, 2048} {
				for _, out := range []int{1, 8, 130, 2048} {
					for _, rows := range []Rows{PerToken, FixedRows(1), FixedRows(3), FixedRows(300)} {
						b := v.block(kind, LinearSpec{Rows: rows, In: in, Out: out, OutStride: (out + 3) &^ 3})
						require.Zero(t, b.columns%4)
						require.Positive(t, b.rows)
						if kind == linearWeight {
							require.Zero(t, b.rows%4)
						}
						switch {
						case v.Quads:
							require.LessOrEqual(t, b.rows, v.Rows)
							require.LessOrEqual(t, b.columns, 4*v.Columns)
						case !v.Tiled:
							require.LessOrEqual(t, b.rows, v.Rows)
							require.LessOrEqual(t, b.columns, v.Columns)
						}
					}
				}
			}
		}
	}
}
