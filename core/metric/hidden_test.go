package metric

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHiddenMatchEqualsBERTScore compares the matching with the function of the package bert-score.
func TestHiddenMatchEqualsBERTScore(t *testing.T) {
	raw, err := os.ReadFile("testdata/hidden.json")
	require.NoError(t, err)
	var golden struct {
		Width int
		Rows  []struct {
			Candidate, Reference [][]float32
			Want                 Match
		}
	}
	require.NoError(t, json.Unmarshal(raw, &golden))
	require.NotEmpty(t, golden.Rows)
	for i, row := range golden.Rows {
		got := HiddenMatch(slices.Concat(row.Candidate...), slices.Concat(row.Reference...), golden.Width)
		require.InDelta(t, row.Want.Precision, got.Precision, 1e-6, "row %d", i)
		require.InDelta(t, row.Want.Recall, got.Recall, 1e-6, "row %d", i)
		require.InDelta(t, row.Want.F1, got.F1, 1e-6, "row %d", i)
	}
}

func TestHiddenMatchOfNothing(t *testing.T) {
	require.Zero(t, HiddenMatch(nil, []float32{1, 2}, 2))
	require.Zero(t, HiddenMatch([]float32{1, 2}, nil, 2))
	require.Zero(t, HiddenMatch([]float32{0, 0}, []float32{1, 2}, 2))
}
