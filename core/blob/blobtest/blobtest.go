// Package blobtest holds the test that every blob.Store must pass, whichever host provides it.
package blobtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// BadNames are names that every Store refuses.
var BadNames = []string{
	"",
	"/a",
	"a/",
	"a//b",
	".",
	"..",
	"a/../b",
	"../a",
	"a/./b",
	`a\b`,
	"C:a",
	"a\x00b",
	"a\nb",
	"\xff",
	".tmp-1",
	"a/.tmp-1",
	strings.Repeat("x", blob.MaxName+1),
}

// Run checks an empty, writable store.
func Run(t *testing.T, s blob.Store) {
	ctx := t.Context()

	t.Run("round trip", func(t *testing.T) {
		for name, data := range map[string][]byte{
			"a": []byte("hello"), "dir/b.bin": bytes.Repeat([]byte{1, 2, 3}, 70000), "dir/é": {},
		} {
			require.NoError(t, s.Write(ctx, name, data))
			size, err := s.Size(ctx, name)
			require.NoError(t, err)
			require.EqualValues(t, len(data), size)
			got, err := blob.ReadAll(ctx, s, name, size)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
		}
	})
	t.Run("ranges", func(t *testing.T) {
		p := make([]byte, 3)
		require.NoError(t, s.ReadAt(ctx, "a", p, 1))
		require.Equal(t, "ell", string(p))
		require.NoError(t, s.ReadAt(ctx, "a", nil, 5))
		for _, off := range []int64{3, 6, -1, 1 << 62} {
			require.ErrorIs(t, s.ReadAt(ctx, "a", p, off), fault.OutOfRange)
		}
	})
	t.Run("writes replace and do not alias", func(t *testing.T) {
		data := []byte("first version")
		require.NoError(t, s.Write(ctx, "a", data))
		data[0] = 'X'
		got, err := blob.ReadAll(ctx, s, "a", 100)
		require.NoError(t, err)
		require.Equal(t, "first version", string(got))
		require.NoError(t, s.Write(ctx, "a", []byte("2")))
		got, err = blob.ReadAll(ctx, s, "a", 100)
		require.NoError(t, err)
		require.Equal(t, "2", string(got))
	})
	t.Run("list", func(t *testing.T) {
		names, err := s.List(ctx, "")
		require.NoError(t, err)
		require.Equal(t, []string{"a", "dir/b.bin", "dir/é"}, names)
		names, err = s.List(ctx, "dir/b")
		require.NoError(t, err)
		require.Equal(t, []string{"dir/b.bin"}, names)
		names, err = s.List(ctx, "nothing")
		require.NoError(t, err)
		require.Empty(t, names)
	})
	t.Run("missing", func(t *testing.T) {
		for _, name := range []string{"zzz", "dir"} {
			_, err := s.Size(ctx, name)
			require.ErrorIs(t, err, fault.Missing)
			require.ErrorIs(t, err, blob.ErrNotExist)
			require.ErrorIs(t, s.ReadAt(ctx, name, nil, 0), blob.ErrNotExist)
		}
	})
	t.Run("limit", func(t *testing.T) {
		_, err := blob.ReadAll(ctx, s, "dir/b.bin", 10)
		require.ErrorIs(t, err, fault.TooLarge)
	})
	t.Run("bad names", func(t *testing.T) {
		for _, name := range BadNames {
			_, err := s.Size(ctx, name)
			require.Error(t, err, "%q", name)
			require.NotErrorIs(t, err, blob.ErrNotExist, "%q", name)
			require.Error(t, s.ReadAt(ctx, name, nil, 0), "%q", name)
			require.Error(t, s.Write(ctx, name, nil), "%q", name)
			require.Error(t, s.Delete(ctx, name), "%q", name)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		done, cancel := context.WithCancel(ctx)
		cancel()
		_, err := s.Size(done, "a")
		require.ErrorIs(t, err, fault.Cancelled)
		require.ErrorIs(t, s.Write(done, "a", nil), fault.Cancelled)
	})
	t.Run("concurrent writers leave one whole blob", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 5 {
					_ = s.Write(ctx, "shared", bytes.Repeat([]byte(fmt.Sprint(i)), 5000))
				}
			})
		}
		wg.Wait()
		got, err := blob.ReadAll(ctx, s, "shared", 1e6)
		require.NoError(t, err)
		require.Len(t, got, 5000)
		require.Equal(t, 5000, bytes.Count(got, got[:1]))
	})
	t.Run("delete", func(t *testing.T) {
		names, err := s.List(ctx, "")
		require.NoError(t, err)
		for _, name := range append(names, "never was") {
			require.NoError(t, s.Delete(ctx, name))
		}
		names, err = s.List(ctx, "")
		require.NoError(t, err)
		require.Empty(t, names)
	})
}
