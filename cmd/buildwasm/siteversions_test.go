package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
