//go:build !wasm

package diag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

// TestReport measures a device for a few seconds. The memory bandwidth and the embedded model come
// first, and what follows is left out and named.
func TestReport(t *testing.T) {
	j := newJob(t)
	var r api.BenchReport
	p := api.BenchReportParams{Model: "model", Seconds: new(5.)}
	require.NoError(t, j.client.Call(t.Context(), api.MethodBenchReport, p, &r, nil))
	require.Equal(t, j.gpu.Info(), r.Device)
	require.Positive(t, r.Bandwidth)
	require.Len(t, r.Models, 1)
	m := r.Models[0]
	require.Equal(t, "q8", m.Base)
	require.Empty(t, m.Error)
	require.Len(t, m.Steps, 2)
	require.Len(t, m.Decode, 2)
	for _, d := range m.Decode {
		require.Positive(t, d.PromptSeconds)
		require.Positive(t, d.TokenSeconds)
		require.InDelta(t, .5, d.BandwidthShare, .5, "reading the weights takes at most all of the time")
	}
	require.Contains(t, r.Left, "Qwen2.5-0.5B q4")
	require.Zero(t, j.gpu.LiveBuffers())
}
