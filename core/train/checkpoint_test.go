package train

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/model"
)

func sampleCheckpoint(step int) *Checkpoint {
	return &Checkpoint{
		Step: step, Run: map[string]string{"base": "q8"}, Tokens: 12, Best: 1.5, HasBest: true,
		State:      []model.State{{Value: []float32{1, 2, 3}, Mean: []float32{4, 5, 6}, Var: []float32{7, 8, 9}}},
		BestValues: [][]float32{{0, 1, 0}},
	}
}

// TestKillLeavesTheNewestWhole cuts the newest slot at every byte: the one before
// it is found each time, and the whole file only at its full length.
func TestKillLeavesTheNewestWhole(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	require.NoError(t, sampleCheckpoint(1).Save(ctx, store, "d"))
	require.NoError(t, sampleCheckpoint(2).Save(ctx, store, "d"))
	name := slots("d")[1]
	whole, err := blob.ReadAll(ctx, store, name, 1<<20)
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, store.Write(ctx, name, whole[:n]))
		c, err := LoadCheckpoint(ctx, store, "d")
		require.NoError(t, err)
		require.Equal(t, 1, c.Step, "cut at %d", n)
	}
	require.NoError(t, store.Write(ctx, name, whole))
	c, err := LoadCheckpoint(ctx, store, "d")
	require.NoError(t, err)
	want := sampleCheckpoint(2)
	want.Counts = []int{3}
	require.Equal(t, want, c)
}

func TestSlotsAlternate(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	for step := range 7 {
		require.NoError(t, sampleCheckpoint(step).Save(ctx, store, "d"))
		c, err := LoadCheckpoint(ctx, store, "d")
		require.NoError(t, err)
		require.Equal(t, step, c.Step)
	}
	require.NoError(t, DeleteCheckpoints(ctx, store, "d"))
	c, err := LoadCheckpoint(ctx, store, "d")
	require.NoError(t, err)
	require.Nil(t, c)
}

func FuzzDecodeCheckpoint(f *testing.F) {
	c := sampleCheckpoint(3)
	c.Counts = []int{3}
	data, err := c.encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeCheckpoint("x", data); err == nil {
			require.Len(t, c.State, len(c.Counts))
		}
	})
}
