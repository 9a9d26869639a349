package dirstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/blob/blobtest"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
)

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	names, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, names)
	blobtest.Run(t, s)
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := dirstore.Open(path)
	require.ErrorIs(t, err, fault.Mismatch)
}

func TestLinksToModelFilesAreFollowed(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "snap"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "blobbed"), []byte("weights"), 0o600))
	require.NoError(t, os.Symlink("../blobbed", filepath.Join(root, "snap", "model")))
	s, err := dirstore.Open(filepath.Join(root, "snap"))
	require.NoError(t, err)
	got, err := blob.ReadAll(t.Context(), s, "model", 100)
	require.NoError(t, err)
	require.Equal(t, "weights", string(got))
	names, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"model"}, names)
}

func TestUnfinishedWritesAreInvisible(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, blob.TempPrefix+"123"), []byte("half"), 0o600))
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	names, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, names)
}
