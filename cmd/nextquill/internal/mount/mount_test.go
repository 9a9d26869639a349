package mount_test

import (
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"nextquill/cmd/nextquill/internal/mount"
	"nextquill/core/blob"
	"nextquill/core/blob/blobtest"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
)

func TestEachMountIsAStore(t *testing.T) {
	dir, err := dirstore.Open(t.TempDir())
	require.NoError(t, err)
	var table mount.Table
	table.Add("model", blob.FromFS(fstest.MapFS{"config.json": {Data: []byte("{}")}}), "")
	table.Add("in", &blob.Mem{}, "")
	table.Add("out", dir, dir.Dir())
	blobtest.Run(t, blobtest.Sub(&table, "in"))
	blobtest.Run(t, blobtest.Sub(&table, "out"))
}

func TestNamesFindTheirMount(t *testing.T) {
	ctx := t.Context()
	inside := blob.NewMem(map[string][]byte{"b": []byte("2"), "a/x": []byte("1")})
	var table mount.Table
	table.Add("out", inside, filepath.Join("some", "where"))
	table.Add("outer", blob.NewMem(map[string][]byte{"c": nil}), "")

	names, err := table.List(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []string{"out/a/x", "out/b", "outer/c"}, names)
	names, err = table.List(ctx, "out/a")
	require.NoError(t, err)
	require.Equal(t, []string{"out/a/x"}, names)
	names, err = table.List(ctx, "oute")
	require.NoError(t, err)
	require.Equal(t, []string{"outer/c"}, names)

	require.NoError(t, table.Write(ctx, "out/n", []byte("new")))
	got, err := blob.ReadAll(ctx, inside, "n", 9)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))

	require.Equal(t, filepath.Join("some", "where", "a", "x"), table.Path("out/a/x"))
	require.Equal(t, filepath.Join("some", "where"), table.Path("out"))
	require.Equal(t, "outer/c", table.Path("outer/c"))
	table.Call("outer/c", "my.txt")
	require.Equal(t, "my.txt", table.Path("outer/c"))
}

func TestFaultsNameTheOuterBlob(t *testing.T) {
	ctx := t.Context()
	var table mount.Table
	table.Add("model", mount.ReadOnly(blob.NewMem(map[string][]byte{"config.json": nil})), "")

	_, err := table.Size(ctx, "model/absent")
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.ErrorIs(t, err, &fault.Error{Kind: fault.Missing, Where: "model/absent"})
	require.ErrorIs(t, table.Write(ctx, "model/config.json", nil),
		&fault.Error{Kind: fault.Unsupported, Where: "model/config.json"})
	require.ErrorIs(t, table.Delete(ctx, "model/config.json"), fault.Unsupported)

	_, err = table.Size(ctx, "elsewhere/x")
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorIs(t, table.Write(ctx, "elsewhere/x", nil), fault.Storage)
	require.NoError(t, table.Delete(ctx, "elsewhere/x"))
	require.ErrorIs(t, table.Write(ctx, "../x", nil), fault.OutOfRange)
}

func TestOverlapsArePanics(t *testing.T) {
	var table mount.Table
	table.Add("a/b", &blob.Mem{}, "")
	require.Panics(t, func() { table.Add("a", &blob.Mem{}, "") })
	require.Panics(t, func() { table.Add("a/b/c", &blob.Mem{}, "") })
	require.Panics(t, func() { table.Add("../a", &blob.Mem{}, "") })
	require.NotPanics(t, func() { table.Add("a/c", &blob.Mem{}, "") })
}

func TestOnlyOneFile(t *testing.T) {
	ctx := t.Context()
	s := mount.Only(blob.NewMem(map[string][]byte{"a.gguf": []byte("abc"), "b.gguf": nil, "config.json": nil}),
		"a.gguf")
	for prefix, want := range map[string][]string{"": {"a.gguf"}, "a": {"a.gguf"}, "b": nil} {
		names, err := s.List(ctx, prefix)
		require.NoError(t, err)
		require.Equal(t, want, names)
	}
	p := make([]byte, 2)
	require.NoError(t, s.ReadAt(ctx, "a.gguf", p, 1))
	require.Equal(t, "bc", string(p))
	_, err := s.Size(ctx, "config.json")
	require.ErrorIs(t, err, blob.ErrNotExist)
	require.ErrorIs(t, s.ReadAt(ctx, "b.gguf", nil, 0), blob.ErrNotExist)
	require.ErrorIs(t, s.Write(ctx, "a.gguf", nil), fault.Unsupported)
	require.ErrorIs(t, s.Delete(ctx, "a.gguf"), fault.Unsupported)
}
