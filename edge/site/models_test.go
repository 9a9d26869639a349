package site_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/edge/site"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
)

// TestModels serves models of two storages: what their manifests list, and nothing else.
func TestModels(t *testing.T) {
	bucket, folder := t.TempDir(), t.TempDir()
	listed := map[string]manifest.Manifest{}
	for name, storage := range map[string]string{"one": bucket, "two": folder} {
		dir := filepath.Join(storage, "models", name)
		m, err := convert.Folder(t.Context(), blob.FromFS(models.DefaultFS()), "", dir,
			convert.Options{Name: name, Shard: 1 << 20})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "private.txt"), []byte("not listed"), 0o644))
		listed[name] = m
	}
	broken := filepath.Join(folder, "models", "broken")
	require.NoError(t, os.MkdirAll(broken, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(broken, "manifest.json"), []byte("{"), 0o644))
	h := site.Handler{
		Files:  site.NewFolder(newSite(t)),
		Models: site.NewModels(site.Storages{site.NewFolder(bucket), site.NewFolder(folder)}),
	}
	for name, m := range listed {
		base := "/models/" + name + "/"
		require.Equal(t, 200, get(h, "GET", base+"manifest.json").StatusCode)
		pieces := 0
		for _, f := range m.Files {
			for _, piece := range f.Pieces() {
				r := get(h, "GET", base+piece.URL)
				require.Equal(t, 200, r.StatusCode, piece.URL)
				require.Equal(t, `"`+piece.SHA256+`"`, r.Header.Get("ETag"))
				require.Equal(t, piece.SHA256, manifest.Sum([]byte(text(t, r))))
				pieces++
			}
		}
		require.Greater(t, pieces, 4)
		require.Equal(t, 404, get(h, "GET", base+"private.txt").StatusCode)
		require.Equal(t, 404, get(h, "GET", base).StatusCode)
	}
	require.Equal(t, 404, get(h, "GET", "/models/three/manifest.json").StatusCode)
	require.Equal(t, 503, get(h, "GET", "/models/broken/config.json").StatusCode)
}
