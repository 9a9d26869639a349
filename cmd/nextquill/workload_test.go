package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/models"
	"nextquill/models/store"
)

// TestRunTimeEstimate compares the estimate with the measured time: 150 seconds on two idle cores
// with the embedded model.
func TestRunTimeEstimate(t *testing.T) {
	about, err := store.Describe(t.Context(), blob.FromFS(models.DefaultFS()), "")
	require.NoError(t, err)
	layers := layerParameters(about)
	require.Equal(t, about.Parameters-4096*256, layers)
	learn, heldout, err := sampleTexts()
	require.NoError(t, err)
	e := workloadFor(layers, true)
	require.Equal(t, fullWorkload(), e)
	s := &experiment{corpus: corpus{train: learn, heldout: heldout}, retrieval: api.Retrieval{K: new(3)},
		training: e.training}
	seconds := cpuSeconds(s, e, layers) * float64(runtime.NumCPU()) / 2
	require.Greater(t, seconds, 75.)
	require.Less(t, seconds, 300.)
}

func TestApproximateTime(t *testing.T) {
	for seconds, want := range map[float64]string{5: "a minute", 100: "2 minutes", 862: "14 minutes",
		5939: "99 minutes", 7300: "3 hours"} {
		require.Equal(t, want, approximateTime(seconds))
	}
}

func TestWorkloadFor(t *testing.T) {
	const large = 106e6
	require.Equal(t, smallWorkload(), workloadFor(large, true))
	require.Equal(t, fullWorkload(), workloadFor(large, false))
	require.Less(t, smallWorkload().maxItems, fullWorkload().maxItems)

	// Flags take precedence over the defaults.
	flags := trainingFlags{optimizerFlags: optimizerFlags{Epochs: new(2.), BatchSize: new(3)}}
	d := flags.trainingFrom(smallWorkload().training)
	require.InDelta(t, 2, *d.Epochs, 0)
	require.Equal(t, 3, *d.BatchSize)
}
