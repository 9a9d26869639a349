package train

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOrderCoversEachEpoch checks that an epoch has every sample once, in an order that differs
// between epochs and follows from the seed.
func TestOrderCoversEachEpoch(t *testing.T) {
	o := Order{Samples: 10, BatchSize: 4, Seed: 7}
	require.Equal(t, 3, o.StepsPerEpoch())
	epoch := func(o Order, n int) (all []int) {
		for s := range o.StepsPerEpoch() {
			all = append(all, o.Batch(n*o.StepsPerEpoch()+s)...)
		}
		return all
	}
	first, second := epoch(o, 0), epoch(o, 1)
	require.NotEqual(t, first, second)
	require.Equal(t, first, epoch(o, 0))
	require.NotEqual(t, first, epoch(Order{Samples: 10, BatchSize: 4, Seed: 8}, 0))
	for _, e := range [][]int{first, second} {
		slices.Sort(e)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, e)
	}
	require.Len(t, o.Batch(2), 2)
}

func TestSchedule(t *testing.T) {
	s := Schedule{LR: 1, Warmup: 4, Total: 14, Decay: "linear"}
	require.Equal(t, .25, s.At(0))
	require.Equal(t, 1., s.At(3))
	require.Equal(t, 1., s.At(4))
	require.InDelta(t, .5, s.At(9), 1e-12)
	s.Decay = "cosine"
	require.InDelta(t, .5, s.At(9), 1e-12)
	require.InDelta(t, 0, s.At(14), 1e-12)
	s.Decay = "constant"
	require.Equal(t, 1., s.At(13))
	require.Equal(t, 2., Schedule{LR: 2, Decay: "constant"}.At(0))
}
