package blob_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/blob/blobtest"
	"nextquill/core/fault"
)

func TestMem(t *testing.T) { blobtest.Run(t, &blob.Mem{}) }

func TestSub(t *testing.T) {
	m := blob.NewMem(map[string][]byte{"other": nil})
	blobtest.Run(t, blobtest.Sub(m, "in/side"))
	names, err := m.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, names)
	require.Same(t, m, blobtest.Sub(m, "."))
}

func TestFromFS(t *testing.T) {
	ctx := t.Context()
	s := blob.FromFS(fstest.MapFS{"m/a.txt": {Data: []byte("hello")}, "m-b": {Data: nil}, "m/.tmp-x": {Data: nil}})
	got, err := blob.ReadAll(ctx, s, "m/a.txt", 10)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	p := make([]byte, 2)
	require.NoError(t, s.ReadAt(ctx, "m/a.txt", p, 3))
	require.Equal(t, "lo", string(p))
	require.ErrorIs(t, s.ReadAt(ctx, "m/a.txt", p, 4), fault.OutOfRange)
	_, err = s.Size(ctx, "m")
	require.ErrorIs(t, err, blob.ErrNotExist)
	names, err := s.List(ctx, "m")
	require.NoError(t, err)
	require.Equal(t, []string{"m-b", "m/a.txt"}, names)
	require.ErrorIs(t, s.Write(ctx, "x", nil), fault.Unsupported)
	require.ErrorIs(t, s.Delete(ctx, "x"), fault.Unsupported)
	for _, name := range blobtest.BadNames {
		_, err := s.Size(ctx, name)
		require.Error(t, err, "%q", name)
	}
}

func TestJoin(t *testing.T) {
	require.Equal(t, "a", blob.Join("", "a"))
	require.Equal(t, "a", blob.Join(".", "a"))
	require.Equal(t, "d/e/a", blob.Join("d/e/", "a"))
}
