package atomicdir

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func TestFolderIsCompleteOrAbsent(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "sub", "made")
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }

	d, err := Create(path)
	require.NoError(t, err)
	require.NoError(t, d.Write("a", hello))
	require.NoDirExists(t, path)
	broken := errors.New("broken")
	require.ErrorIs(t, d.Write("b", func(io.Writer) error { return broken }), broken)
	d.Discard()
	left, err := os.ReadDir(filepath.Join(root, "sub"))
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.Mkdir(path, 0o755)) // an empty folder is replaced
	d, err = Create(path)
	require.NoError(t, err)
	require.NoError(t, d.Write("a", hello))
	require.NoError(t, d.Commit())
	d.Discard()
	got, err := os.ReadFile(filepath.Join(path, "a"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))

	_, err = Create(path)
	require.ErrorIs(t, err, fault.Mismatch)
	require.ErrorContains(t, err, `exists already and contains "a"`)
	_, err = Create(filepath.Join(path, "a"))
	require.ErrorIs(t, err, fault.Mismatch)
	_, err = Create(filepath.Join(path, "a", "b"))
	require.Error(t, err)
}

func TestFullDisk(t *testing.T) {
	d, err := Create(filepath.Join(t.TempDir(), "made"))
	require.NoError(t, err)
	defer d.Discard()
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(d.temp, "full")))
	f, err := os.OpenFile(filepath.Join(d.temp, "full"), os.O_WRONLY, 0)
	require.NoError(t, err)
	w := &writer{f: f}
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, storage("full", w.err), fault.Storage)
	require.ErrorContains(t, storage("full", err), "the disk is full")
}
