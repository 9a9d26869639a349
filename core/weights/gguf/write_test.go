package gguf_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/weights/gguf"
)

// TestWriteCopy copies a file of the reference with its metadata and another tensor type, and
// reads the copy.
func TestWriteCopy(t *testing.T) {
	ctx := t.Context()
	f, err := gguf.Open(ctx, testdata, "blocks.gguf")
	require.NoError(t, err)
	entries, err := f.Entries(ctx, testdata)
	require.NoError(t, err)
	entries = append(entries, gguf.NewEntry("new.text", "ä"), gguf.NewEntry("new.bool", true),
		gguf.NewEntry("new.n", uint32(7)),
		gguf.NewEntry("new.x", float32(.25)))
	layouts := []gguf.Layout{{Name: "odd", Type: gguf.F32, Shape: []int{3}},
		{Name: "q", Type: gguf.Q8_0, Shape: []int{3, 64}}}
	data := gguf.EncodeHeader(entries, layouts)
	values := make([]float32, 192)
	for i := range values {
		values[i] = float32(i) - 90
	}
	packed := make([]byte, layouts[1].Bytes())
	gguf.Quantise(gguf.Q8_0, packed, values)
	plain := make([]byte, 12)
	gguf.Quantise(gguf.F32, plain, []float32{1, 2, 3})
	data = append(append(data, plain...), make([]byte, gguf.Padding(12))...)
	data = append(data, packed...)

	store := blob.NewMem(map[string][]byte{"again.gguf": data})
	again, err := gguf.Open(ctx, store, "again.gguf")
	require.NoError(t, err)
	for key, want := range f.Metadata {
		require.Equal(t, want, again.Metadata[key], key)
	}
	require.Equal(t, "ä", again.Metadata["new.text"].Any())
	require.Equal(t, true, again.Metadata["new.bool"].Any())
	require.Equal(t, uint64(7), again.Metadata["new.n"].Any())
	require.InDelta(t, .25, again.Metadata["new.x"].Any(), 0)
	require.Len(t, again.Metadata, len(f.Metadata)+4)
	require.Equal(t, []int{3, 64}, again.Tensors[1].Shape)
	got := make([]byte, len(packed))
	require.NoError(t, store.ReadAt(ctx, "again.gguf", got, again.Tensors[1].Begin))
	require.Equal(t, packed, got)
	require.Panics(t, func() {
		gguf.EncodeHeader(nil, []gguf.Layout{{Name: "x", Type: gguf.Q8_0, Shape: []int{64, 3}}})
	})
}
