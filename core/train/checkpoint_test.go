package train

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/model"
)

func sampleCheckpoint(step int) *Checkpoint {
	return &Checkpoint{
		Step: step, Run: &Identity{Base: "q8"}, Tokens: 12, Best: 1.5, HasBest: true, Counts: []int{3},
		State:      sampleState(),
		BestValues: [][]byte{values(0, 1, 0)},
	}
}

func values(v ...float32) []byte { return gpu.F32Bytes(v) }

func sampleState() []model.State {
	return []model.State{{Value: values(1, 2, 3), Mean: values(4, 5, 6), Var: values(7, 8, 9)}}
}

// readSample stores the values of a sample checkpoint.
func readSample(into []model.State) error {
	for i, s := range sampleState() {
		copy(into[i].Value, s.Value)
		copy(into[i].Mean, s.Mean)
		copy(into[i].Var, s.Var)
	}
	return nil
}

// TestTruncatedFileFallsBack truncates the newest file at every byte. Load returns the checkpoint
// before it each time, and the newest one only at its full length.
func TestTruncatedFileFallsBack(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	saved := Checkpoints{Store: store, Dir: "d"}
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(1), readSample))
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(2), readSample))
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
	require.Equal(t, sampleCheckpoint(2), c)
}

// TestAlteredFileFallsBack flips a bit of every byte of the newest file. Load returns the
// checkpoint before it each time.
func TestAlteredFileFallsBack(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	saved := Checkpoints{Store: store, Dir: "d"}
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(1), readSample))
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(2), readSample))
	name := saved.files()[1]
	data, err := blob.ReadAll(ctx, store, name, 1<<20)
	require.NoError(t, err)
	for i := range data {
		altered := bytes.Clone(data)
		altered[i] ^= 1
		require.NoError(t, store.Write(ctx, name, altered))
		c, err := saved.Load(ctx)
		require.NoError(t, err)
		require.Equal(t, sampleCheckpoint(1), c, "byte %d", i)
	}
}

func TestFilesAlternate(t *testing.T) {
	ctx := context.Background()
	saved := Checkpoints{Store: &blob.Mem{}, Dir: "d"}
	for step := range 7 {
		require.NoError(t, saved.Save(ctx, sampleCheckpoint(step), readSample))
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
	data, err := c.layOut(nil)
	require.NoError(f, err)
	require.NoError(f, readSample(c.State))
	seal(data)
	f.Add(data)
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeCheckpoint("x", data); err == nil {
			require.Len(t, c.State, len(c.Counts))
		}
	})
}
