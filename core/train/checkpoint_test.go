package train

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/model"
)

func sampleCheckpoint(step int) *Checkpoint {
	values := func(v ...float32) []byte { return gpu.F32Bytes(v) }
	return &Checkpoint{
		Step: step, Run: &Identity{Base: "q8"}, Tokens: 12, Best: 1.5, HasBest: true,
		State:      []model.State{{Value: values(1, 2, 3), Mean: values(4, 5, 6), Var: values(7, 8, 9)}},
		BestValues: [][]byte{values(0, 1, 0)},
	}
}

// TestTruncatedFileFallsBack truncates the newest file at every byte. Load returns the checkpoint
// before it each time, and the newest one only at its full length.
func TestTruncatedFileFallsBack(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	saved := Checkpoints{Store: store, Dir: "d"}
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(1)))
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(2)))
	name := saved.files()[1]
	data, err := blob.ReadAll(ctx, store, name, 1<<20)
	require.NoError(t, err)
	for n := range data {
		require.NoError(t, store.Write(ctx, name, data[:n]))
		c, err := saved.Load(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, c.Step, "cut at %d", n)
	}
	require.NoError(t, store.Write(ctx, name, data))
	c, err := saved.Load(ctx)
	require.NoError(t, err)
	want := sampleCheckpoint(2)
	want.Counts = []int{3}
	require.Equal(t, want, c)
}

func TestFilesAlternate(t *testing.T) {
	ctx := context.Background()
	saved := Checkpoints{Store: &blob.Mem{}, Dir: "d"}
	for step := range 7 {
		require.NoError(t, saved.Save(ctx, sampleCheckpoint(step)))
		c, err := saved.Load(ctx)
		require.NoError(t, err)
		require.Equal(t, step, c.Step)
	}
	require.NoError(t, saved.Delete(ctx))
	c, err := saved.Load(ctx)
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
