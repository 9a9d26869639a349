package causal

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWindowsPredictEveryTokenOnce checks, for random lengths, that the windows fit, that their new
// tokens are the response, and that each is preceded by the tokens directly before it.
func TestWindowsPredictEveryTokenOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ids := func(n int) (out []int32) {
		for range n {
			out = append(out, rng.Int32N(1000))
		}
		return out
	}
	for range 2000 {
		s := Sample{With: ids(1 + rng.IntN(30)), Without: ids(1 + rng.IntN(20)), Response: ids(1 + rng.IntN(300))}
		before := Sample{slices.Clone(s.With), slices.Clone(s.Without), slices.Clone(s.Response)}
		room := 1 + rng.IntN(90)
		windows := s.Windows(room)
		require.Equal(t, before, s, "the sample is not changed")
		var joined []int32
		for i, w := range windows {
			prior, ok := cut(w.With, s.With)
			require.True(t, ok)
			same, ok := cut(w.Without, s.Without)
			require.True(t, ok)
			require.Equal(t, prior, same, "both branches have the same preceding tokens")
			require.LessOrEqual(t, len(prior)+len(w.Response), room)
			require.NotEmpty(t, w.Response)
			require.True(t, slices.Equal(prior, joined[len(joined)-len(prior):]))
			if i > 0 {
				require.GreaterOrEqual(t, len(prior), room/4)
				require.Equal(t, room, len(prior)+len(w.Response), "no room is left unused")
			}
			joined = append(joined, w.Response...)
		}
		require.Equal(t, s.Response, joined)
		step := room - room/4
		require.Len(t, windows, 1+(max(0, len(s.Response)-room)+step-1)/step)
	}
}

func cut(ids, prefix []int32) ([]int32, bool) {
	if len(ids) < len(prefix) || !slices.Equal(ids[:len(prefix)], prefix) {
		return nil, false
	}
	return ids[len(prefix):], true
}

// TestAShortResponseIsOneWindow: the sample itself, so that its sequence is what it was before.
func TestAShortResponseIsOneWindow(t *testing.T) {
	s := Sample{With: []int32{1, 2, 3}, Without: []int32{1}, Response: []int32{4, 5, 6}}
	require.Equal(t, 9, s.Room(12))
	require.Equal(t, []Sample{s}, s.Windows(3))
	require.Equal(t, []Sample{s}, s.Windows(0))
	require.Equal(t, []Sample{
		{With: s.With, Without: s.Without, Response: []int32{4}},
		{With: s.With, Without: s.Without, Response: []int32{5}},
		{With: s.With, Without: s.Without, Response: []int32{6}},
	}, s.Windows(1))
	s.Response = []int32{4, 5, 6, 7, 8, 9, 10, 11}
	require.Equal(t, []Sample{
		{With: s.With, Without: s.Without, Response: []int32{4, 5, 6, 7}},
		{With: []int32{1, 2, 3, 7}, Without: []int32{1, 7}, Response: []int32{8, 9, 10}},
		{With: []int32{1, 2, 3, 8, 9, 10}, Without: []int32{1, 8, 9, 10}, Response: []int32{11}},
	}, s.Windows(4))
}
