package host

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

func TestCompiledCodeIsCached(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 { // older guests' code
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600))
	}
	c := NewConfig().WithGuest(tinyGuest{}.wasm()).WithDevice(&noDevice{}).WithCacheDir(dir).WithLog(io.Discard)
	start := func(c Config) {
		t.Helper()
		h, err := Open(t.Context(), c)
		require.NoError(t, err)
		require.NoError(t, h.Close())
	}
	start(c)
	start(c)
	require.LessOrEqual(t, len(files(t, dir)), keepCompiled+1, "old entries go")

	for _, path := range files(t, dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if info.Size() > 0 {
			require.NoError(t, os.Truncate(path, info.Size()/2))
		}
	}
	start(c) // a damaged entry is not in the way

	nowhere := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(nowhere, nil, 0o600))
	start(c.WithCacheDir(nowhere))
}
