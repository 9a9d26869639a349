package dirstore_test

import (
	"bytes"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
)

// A file size limit stops a write like a full disk, and needs no privileges.
func TestFailedWriteKeepsTheEarlierFile(t *testing.T) {
	dir := t.TempDir()
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	require.NoError(t, s.Write(t.Context(), "adapter", []byte("earlier")))

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	small := old
	small.Cur = 4096
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err = s.Write(t.Context(), "adapter", bytes.Repeat([]byte("new"), 10000))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))

	require.ErrorIs(t, err, fault.Storage)
	require.ErrorContains(t, err, "adapter: cannot be written")
	got, err := blob.ReadAll(t.Context(), s, "adapter", 100)
	require.NoError(t, err)
	require.Equal(t, "earlier", string(got))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left behind")
}

// /dev/full refuses every byte with ENOSPC.
func TestFullDiskIsNamed(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	got := dirstore.Fault("adapter", "cannot be written", err)
	require.ErrorIs(t, got, fault.Storage)
	require.ErrorContains(t, got, "the disk is full: free some space")
}
