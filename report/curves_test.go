package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/gpu"
	"nextquill/report"
)

// TestCurvesPage renders curves. Kept and recomputed activations share their charts, texts are
// escaped, and a point that did not fit has its reason in place of a time.
func TestCurvesPage(t *testing.T) {
	curve := func(size string, recompute bool, points ...api.CurvePoint) api.Curve {
		return api.Curve{Model: "small", Base: "q8", Preset: "contextsft", Size: size, Recompute: recompute, Layers: 4,
			TimedLayers: 2, Points: points}
	}
	c := report.Curves{
		When: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC), Machine: "a processor",
		Command: "nextquill bench --curves c.html",
		Curves: api.BenchCurves{
			Version: "1", Device: gpu.Info{Name: "llvmpipe <i>"}, Seconds: 61,
			Curves: []api.Curve{
				curve(api.CurveContext, false,
					api.CurvePoint{Value: 1024, Tokens: 1023, PeakBytes: 1 << 30, Seconds: 1.5},
					api.CurvePoint{Value: 2048, Tokens: 2047, Error: "no <binding>"}),
				curve(api.CurveContext, true,
					api.CurvePoint{Value: 1024, Tokens: 1023, PeakBytes: 1 << 28, Seconds: 2},
					api.CurvePoint{Value: 2048, Tokens: 2047, PeakBytes: 1 << 29, Seconds: 4.25}),
				curve(api.CurveRank, false,
					api.CurvePoint{Value: 8, Tokens: 511, PeakBytes: 1 << 20, Error: "no time was left"}),
			},
		},
	}
	var b bytes.Buffer
	require.NoError(t, report.CurvesHTML(&b, c))
	page := b.String()
	require.Equal(t, 3, bytes.Count(b.Bytes(), []byte("<svg"))) // the rank has no time
	require.Equal(t, 2, bytes.Count(b.Bytes(), []byte(">recomputed</text>")))
	for _, want := range []string{
		"llvmpipe &lt;i&gt;", "small, tokens of context", "small, rank of the adapter", "no &lt;binding&gt;",
		`<td class="n">512 MiB</td><td class="n">4.250</td>`, `<td class="n">–</td>`, "complete model with 4 layers",
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<script")
}
