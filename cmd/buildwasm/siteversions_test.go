package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
)

// TestSiteKeepsModelsAndVersions builds a site of two releases one after the other, with a model
// that was added in between.
func TestSiteKeepsModelsAndVersions(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dist")
	release := func(version, script string) *site {
		s := newSite("")
		s.lib("package.json", []byte(`{"version": "`+version+`"}`))
		s.lib("element.js", []byte(script))
		require.NoError(t, s.versions())
		return s
	}
	_, err := release("1.0.0", "1").write(out)
	require.NoError(t, err)
	model := filepath.Join(out, modelsFolder, "small", "manifest.json")
	require.NoError(t, put(model, []byte("{}")))

	m, err := release("1.1.0", "2").write(out)
	require.NoError(t, err)
	require.FileExists(t, model)
	content := map[string]string{}
	for _, f := range m.Files {
		data, err := os.ReadFile(filepath.Join(out, f.Path))
		require.NoError(t, err)
		content[f.Path] = string(data)
	}
	require.Equal(t, "1", content["lib@1.0.0/element.js"])
	require.Equal(t, "2", content["lib@1.1.0/element.js"])
	require.Equal(t, "2", content["lib/element.js"])
	require.NotContains(t, content, "models/small/manifest.json", "a model has its own manifest")

	// An interruption between the two renames, and one after them.
	require.NoError(t, os.Rename(out, out+".old"))
	_, err = release("1.1.0", "3").write(out)
	require.NoError(t, err)
	require.FileExists(t, model)
	require.NoError(t, os.MkdirAll(out+".old", 0o755))
	require.NoError(t, keepModels(out, out+".old"))
	_, err = release("1.1.0", "3").write(out)
	require.NoError(t, err)
	require.FileExists(t, model)
	require.NoDirExists(t, out+".old")

	require.NoError(t, os.WriteFile(filepath.Join(out, "lib@1.0.0/element.js"), []byte("altered"), 0o644))
	_, err = release("1.1.0", "3").write(out)
	require.ErrorContains(t, err, "damaged")
}

// TestSiteKeepsConvertedModels builds a site over folders that `model convert` wrote: before the
// first site, in models/ and elsewhere.
func TestSiteKeepsConvertedModels(t *testing.T) {
	out := filepath.Join(t.TempDir(), "dist")
	folders := []string{"models/small", "small", "other/models/small"}
	for _, folder := range folders {
		_, err := convert.Folder(t.Context(), blob.FromFS(models.DefaultFS()), "", filepath.Join(out, folder),
			convert.Options{Name: "small", Shard: 1 << 20})
		require.NoError(t, err)
	}
	s := newSite("")
	s.add("index.html", []byte("<!doctype html>"))
	require.NoError(t, s.model(t.Context()))
	for range 2 {
		_, err := s.write(out)
		require.NoError(t, err)
		for _, folder := range append(folders, "model") {
			data, err := os.ReadFile(filepath.Join(out, folder, manifest.FileName))
			require.NoError(t, err)
			m, err := manifest.Parse(folder, data)
			require.NoError(t, err)
			for _, f := range m.Files {
				for _, piece := range f.Pieces() {
					data, err := os.ReadFile(filepath.Join(out, folder, piece.URL))
					require.NoError(t, err)
					require.Equal(t, piece.SHA256, manifest.Sum(data))
				}
			}
		}
	}
}

// TestIntegrity compares the values with those of `openssl dgst -sha384 -binary | base64`.
func TestIntegrity(t *testing.T) {
	require.Equal(t, "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO",
		integrity([]byte("alert('Hello, world.');")))
	s := newSite("")
	s.lib("package.json", []byte(`{"version": "1.0.0"}`))
	s.lib("element.js", []byte("alert('Hello, world.');"))
	s.lib("README.md", []byte("no script"))
	require.NoError(t, s.versions())
	var listed struct{ Integrity map[string]string }
	require.NoError(t, json.Unmarshal(s.files["lib/integrity.json"], &listed))
	require.Equal(t, map[string]string{"element.js": integrity(s.files["lib/element.js"])}, listed.Integrity)
}
