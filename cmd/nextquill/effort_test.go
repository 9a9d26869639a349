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

// TestEstimateOfTheJob compares the estimate with what the job was measured to take: 150 seconds on two idle cores with the embedded
// model.
func TestEstimateOfTheJob(t *testing.T) {
	about, err := store.Describe(t.Context(), blob.FromFS(models.DefaultFS()), "")
	require.NoError(t, err)
	layers := layerParameters(about)
	require.Equal(t, about.Parameters-4096*256, layers)
	learn, heldout, err := sampleTexts()
	require.NoError(t, err)
	e := effortFor(layers, true)
	require.Equal(t, fullEffort(), e)
	s := &study{corpus: corpus{learn: learn, heldout: heldout}, retrieval: api.Retrieval{K: 3}, training: e.training}
	seconds := processorSeconds(s, e, layers) * float64(runtime.NumCPU()) / 2
	require.Greater(t, seconds, 75.)
	require.Less(t, seconds, 300.)
}

func TestRoughTimes(t *testing.T) {
	for seconds, want := range map[float64]string{5: "a minute", 100: "2 minutes", 862: "14 minutes", 5939: "99 minutes", 7300: "3 hours"} {
		require.Equal(t, want, roughly(seconds))
	}
}

func TestEffortSuitsModelAndDevice(t *testing.T) {
	const large = 106e6
	require.Equal(t, smallEffort(), effortFor(large, true))
	require.Equal(t, fullEffort(), effortFor(large, false))
	require.Less(t, smallEffort().maxItems, fullEffort().maxItems)

	// Flags win over what suits.
	d := learningFlags{Epochs: 2}.trainingFrom(smallEffort().training)
	require.InDelta(t, 2, d.Epochs, 0)
	require.Equal(t, 2, d.BatchSize)
}
