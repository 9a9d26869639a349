package params_test

import (
	"testing"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/params"

	"github.com/stretchr/testify/require"
)

// device is a device whose largest tensor has this number of bytes.
func device(largest int64) *gpu.Context {
	return gpu.NewContext(gpu.Dry{Limits: gpu.Info{
		Name: "small", MaxStorageBuffers: 8, MaxBindingSize: 2 * largest, MaxBufferSize: largest,
	}})
}

// TestLayout packs tensors of 40, 600, 400 and 4 bytes: two fit into the first segment.
func TestLayout(t *testing.T) {
	entries := []params.Entry{
		{Name: "a", Rows: 5, Columns: 2}, {Name: "b", Rows: 150, Columns: 1},
		{Name: "c", Rows: 100, Columns: 1}, {Name: "d", Rows: 1, Columns: 1},
	}
	p, err := params.New(device(1024), entries, true)
	require.NoError(t, err)
	defer p.Free()
	var places [][2]int
	for _, e := range p.Entries {
		places = append(places, [2]int{e.Segment, e.Offset})
		require.NotNil(t, e.Grad)
	}
	require.Equal(t, [][2]int{{0, 0}, {0, 256}, {1, 0}, {1, 512}}, places)
	require.Equal(t, []int{256, 192}, p.Counts())
	require.Equal(t, 10+150+100+1, p.Count())
	require.Equal(t, int64(3*4*(256+192)), p.TrainingBytes())
}

// TestFrozen allocates values only.
func TestFrozen(t *testing.T) {
	p, err := params.New(device(1024), []params.Entry{{Name: "a", Rows: 4, Columns: 4}}, false)
	require.NoError(t, err)
	defer p.Free()
	require.Nil(t, p.Entries[0].Grad)
	require.Zero(t, p.TrainingBytes())
}

// TestTooLarge names the tensor that the device cannot hold.
func TestTooLarge(t *testing.T) {
	_, err := params.New(device(1024), []params.Entry{{Name: "wide", Rows: 257, Columns: 1}}, true)
	require.ErrorIs(t, err, fault.DeviceLimit)
	require.ErrorContains(t, err, "wide")
}

// TestUnevenLimit uses a limit that is not a multiple of the alignment. Many browsers have such
// limits. No segment exceeds the limit after its size is rounded up.
func TestUnevenLimit(t *testing.T) {
	entries := []params.Entry{{Name: "a", Rows: 100, Columns: 1}, {Name: "b", Rows: 125, Columns: 1}}
	p, err := params.New(device(1020), entries, false)
	require.NoError(t, err)
	defer p.Free()
	for _, n := range p.Counts() {
		require.LessOrEqual(t, 4*n, 1020)
	}
	require.Len(t, p.Segments, 2)
}
