//go:build !wasm

package diag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// TestCurves computes the memory of all points, and times the smallest ones.
func TestCurves(t *testing.T) {
	j := newJob(t)
	var r api.BenchCurves
	p := api.BenchCurvesParams{Seconds: new(1.), MemoryLimit: new(int64(256 << 20))}
	require.NoError(t, j.client.Call(t.Context(), api.MethodBenchCurves, p, &r, nil))
	require.Equal(t, j.gpu.Info(), r.Device)
	require.Len(t, r.Curves, 10)
	timed, late, large := 0, 0, 0
	for i, c := range r.Curves {
		require.NotEmpty(t, c.Points)
		for k, point := range c.Points {
			require.Positive(t, point.PeakBytes)
			if k > 0 {
				require.Greater(t, point.Value, c.Points[k-1].Value)
				require.Greater(t, point.PeakBytes, c.Points[k-1].PeakBytes, "%s %s", c.Model, c.Size)
			}
			switch {
			case point.Seconds > 0:
				require.Empty(t, point.Error)
				timed++
			case point.Error == "no time was left":
				late++
			default:
				require.Contains(t, point.Error, "268435456") // the limit
				large++
			}
		}
		if c.Recompute {
			require.Equal(t, c.Points[3].Tokens, r.Curves[i-1].Points[3].Tokens)
			require.Less(t, c.Points[3].PeakBytes, r.Curves[i-1].Points[3].PeakBytes)
		}
	}
	require.Equal(t, 8192-1, r.Curves[0].Points[3].Tokens) // the last token is no input
	require.Positive(t, timed)
	require.Positive(t, late)
	require.Positive(t, large)
	require.Zero(t, j.gpu.LiveBuffers())
}
