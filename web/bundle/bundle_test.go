package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/web/bundle"
)

// blobURLs is how often an entry point may create a blob URL. The client does so once, to start a
// worker that was loaded from another origin (host/startWorker.ts). On its own origin it works
// under worker-src 'self', which the tests in Chromium enforce.
var blobURLs = map[string]int{"host/client.ts": 1, "host/worker.ts": 0}

// TestBundles checks that bundles work on pages with a strict policy: they create no code from text
// and, on their own origin, no worker from a blob URL.
func TestBundles(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, entry := range []string{"host/client.ts", "host/worker.ts"} {
		b, err := bundle.Make(root, entry, nil)
		require.NoError(t, err)
		require.NotEmpty(t, b.JS)
		require.Less(t, len(b.JS), 64<<10, entry)
		require.Contains(t, b.Metafile, "web/"+entry)
		for _, banned := range []string{"eval(", "new Function", "importScripts", "innerHTML"} {
			require.NotContains(t, string(b.JS), banned, entry)
		}
		require.Equal(t, blobURLs[entry], strings.Count(string(b.JS), "createObjectURL"), entry)
		again, err := bundle.Make(root, entry, nil)
		require.NoError(t, err)
		require.Equal(t, b.JS, again.JS, "the same source gives the same bytes")
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "web"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "web", "broken.ts"), []byte("\nconst x: = 1\n"), 0o644))
	_, err := bundle.Make(root, "broken.ts", nil)
	require.ErrorIs(t, err, fault.Malformed)
	require.ErrorContains(t, err, "web/broken.ts:2")
}
