package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wasm")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o644))
	a, err := describe(path)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, a.size)
	require.Less(t, a.zipped, int64(2000))
	require.Equal(t, "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58", a.sha256)
	require.Contains(t, a.String(), "1.00 MiB")

	_, err = describe(path + ".not")
	require.ErrorIs(t, err, os.ErrNotExist)
}
