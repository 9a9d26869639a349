package browsertest_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/wasm/conformance"
)

func (b *hostPage) openStored(t *testing.T, folder string) {
	t.Helper()
	options := b.test()
	options["blobs"] = map[string]any{"kind": "opfs", "folder": folder}
	b.open(t, options)
}

func (b *hostPage) readBlob(t *testing.T, name string) []byte {
	t.Helper()
	var text string
	require.NoError(t, b.CallHarness(t.Context(), &text, "read", name))
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return data
}

func (b *hostPage) files(t *testing.T, folder string) (names []string) {
	t.Helper()
	require.NoError(t, b.CallHarness(t.Context(), &names, "files", folder))
	return names
}

// storedBlobs checks the store in the origin's private file system: it passes the same suite as the
// store in memory, keeps blobs from session to session, and removes the remains of a kill.
func (b *hostPage) storedBlobs(t *testing.T) {
	const folder = "test-stored"
	b.openStored(t, folder)
	var report conformance.Report
	require.NoError(t, b.Call(t.Context(), "conformance", conformance.Params{Filter: "^blob"}, &report, nil))
	for _, c := range report.Cases {
		t.Logf("%-60s %.0f ms", c.Case, 1000*c.Seconds)
		require.Empty(t, c.Message, c.Case)
	}
	require.Empty(t, b.files(t, folder), "the suite's blobs are deleted")

	const name = "dir/O'Hara*~é.bin"
	for _, text := range []string{"first", "second", "third"} {
		require.NoError(t, b.CallHarness(t.Context(), nil, "write", name, text))
		require.Len(t, b.files(t, folder), 1)
	}
	require.NoError(t, b.CallHarness(t.Context(), nil, "write", "other", ""))
	b.openStored(t, folder)
	require.Equal(t, "third", string(b.readBlob(t, name)))
	require.Empty(t, b.readBlob(t, "other"))
	kept := b.files(t, folder)
	require.Len(t, kept, 2)

	// The remains of a kill: a newer version without its seal, or with the seal of another file.
	// The store does not touch other files.
	require.NoError(t, b.CallHarness(t.Context(), nil, "close"))
	torn := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("torn"), 1000))
	for _, file := range []string{"other~9.abc", "other~10.1", "new~1.ff"} {
		require.NoError(t, b.CallHarness(t.Context(), nil, "plant", folder, file, torn))
	}
	require.NoError(t, b.CallHarness(t.Context(), nil, "plant", folder, "notes.txt", torn))
	b.openStored(t, folder)
	require.Empty(t, b.readBlob(t, "other"))
	require.ElementsMatch(t, append(kept, "notes.txt"), b.files(t, folder))
	var names []string
	require.NoError(t, b.CallHarness(t.Context(), &names, "list", ""))
	require.Equal(t, []string{name, "other"}, names)
	require.ErrorIs(t, b.CallHarness(t.Context(), nil, "read", "new"), fault.Missing)
	require.ErrorIs(t, b.CallHarness(t.Context(), nil, "write", "../up", ""), fault.OutOfRange)
	b.requireQuiet(t)
}

// killed ends the worker at twenty moments while it replaces a blob. Each time the old or the new
// blob is complete.
func (b *hostPage) killed(t *testing.T) {
	const folder, name, blobSize = "test-killed", "weights", 12 << 20
	b.openStored(t, folder)
	require.NoError(t, b.CallHarness(t.Context(), nil, "write", name, "\x00"))
	last, done, torn := 0, 0, 0
	for fill := 1; fill <= 20; fill++ {
		var written bool
		require.NoError(t, b.CallHarness(t.Context(), &written, "killDuringWrite", name, blobSize+fill, fill, fill-1))
		left := len(b.files(t, folder))
		b.openStored(t, folder)
		var got struct{ Size, Fill int }
		require.NoError(t, b.CallHarness(t.Context(), &got, "uniform", name))
		if written {
			require.Equal(t, fill, got.Fill, "a confirmed write is lost")
		}
		// A worker ends only after its system call: an earlier write may have ended since.
		require.GreaterOrEqual(t, got.Fill, last, "an older blob is back")
		if got.Fill > 0 {
			require.Equal(t, blobSize+got.Fill, got.Size, "a blob is cut short")
		}
		last = got.Fill
		switch {
		case got.Fill == fill:
			done++
		case left > 1:
			torn++
		}
	}
	t.Logf("20 kills: %d new blobs complete, %d with the remains of a write", done, torn)
	b.openStored(t, folder) // by now the last worker's lock is released
	require.Len(t, b.files(t, folder), 1)
}
