package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/causal"
)

// TestPhases checks that each phase has what it needs: an expert that an earlier phase wrote, if
// and only if its preset wants one.
func TestPhases(t *testing.T) {
	for _, preset := range causal.Presets() {
		o, err := causal.Preset(preset)
		require.NoError(t, err)
		phases := api.Phases(preset, o)
		require.Equal(t, preset, phases[len(phases)-1].Preset)
		require.Equal(t, api.AdapterFolder, phases[len(phases)-1].Out)
		written := map[string]bool{}
		for i, p := range phases {
			o, err := causal.Preset(p.Preset)
			require.NoError(t, err)
			require.Equal(t, o.Expert == causal.WantsExpert, p.Expert != "")
			require.True(t, p.Expert == "" || written[p.Expert])
			require.Equal(t, i == len(phases)-1, p.From)
			require.False(t, written[p.Out])
			written[p.Out] = true
		}
	}
}
