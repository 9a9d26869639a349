package train

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/params"
)

func sampleCheckpoint(step int) *Checkpoint {
	return &Checkpoint{
		Step: step, Run: &Identity{Base: "q8"}, Tokens: 12, Best: 1.5, HasBest: true, Counts: []int{3},
		State:      sampleState(),
		BestValues: [][]byte{values(0, 1, 0)},
	}
}

func values(v ...float32) []byte { return gpu.F32Bytes(v) }

func sampleState() []params.State {
	return []params.State{{Value: values(1, 2, 3), Mean: values(4, 5, 6), Var: values(7, 8, 9)}}
}

// readSample stores the values of a sample checkpoint.
func readSample(into []params.State) error {
	for i, s := range sampleState() {
		copy(into[i].Value, s.Value)
		copy(into[i].Mean, s.Mean)
		copy(into[i].Var, s.Var)
	}
	return nil
}

// TestDamagedFileFallsBack cuts the newest file at every byte, and flips a bit of every byte. Load
// returns the checkpoint before it each time, and the newest one only if its file is intact.
func TestDamagedFileFallsBack(t *testing.T) {
	ctx := context.Background()
	store := &blob.Mem{}
	saved := Checkpoints{Store: store, Dir: "d"}
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(1), readSample))
	require.NoError(t, saved.Save(ctx, sampleCheckpoint(2), readSample))
	name := saved.files()[1]
	intact, err := blob.ReadAll(ctx, store, name, 1<<20)
	require.NoError(t, err)
	load := func(data []byte) *Checkpoint {
		require.NoError(t, store.Write(ctx, name, data))
		c, err := saved.Load(ctx)
		require.NoError(t, err)
		return c
	}
	for i := range intact {
		require.Equal(t, sampleCheckpoint(1), load(intact[:i]), "cut at %d", i)
		altered := bytes.Clone(intact)
		altered[i] ^= 1
		require.Equal(t, sampleCheckpoint(1), load(altered), "byte %d", i)
	}
	require.Equal(t, sampleCheckpoint(2), load(intact))
}

// TestLargeHeader refuses to write a header that decodeStart would refuse to read.
func TestLargeHeader(t *testing.T) {
	c := sampleCheckpoint(1)
	c.Run.Template = strings.Repeat("x", maxHeader)
	saved := Checkpoints{Store: &blob.Mem{}, Dir: "d"}
	require.ErrorIs(t, saved.Save(context.Background(), c, readSample), fault.TooLarge)
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
