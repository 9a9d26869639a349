package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights"
)

// tiny is a small random model.
const tiny = "../../core/weights/testdata/gguf/llama"

// TestModelLifecycle converts a model, serves it, gets it, uses it by name, corrupts it,
// repairs it and removes it.
func TestModelLifecycle(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("NEXTQUILL_MODELS", filepath.Join(dir, "models"))
	ok := func(args ...string) cliRun {
		t.Helper()
		r := invoke(t, t.Context(), &fakeEngine{}, args...)
		require.Equal(t, exitOK, r.code, r.stderr)
		return r
	}
	require.Contains(t, ok("model", "list").stdout, "There are no models in")
	require.Contains(t, ok("model", "verify").stdout, "There are no models in")

	site := filepath.Join(dir, "site")
	r := ok("model", "convert", tiny, filepath.Join(site, "tiny"), "--to", "q8", "--shard", "20000")
	requireLines(t, r.stderr, "convert llama", "in 4 files")
	web := httptest.NewServer(http.FileServer(http.Dir(site)))
	defer web.Close()
	r = ok("model", "get", web.URL+"/tiny/")
	requireLines(t, r.stderr, "get "+web.URL[:10], "llama, ", "Q8_0")
	require.Contains(t, r.stdout, "Stored tiny in ")
	requireLines(t, ok("model", "list").stdout, "tiny", "Q8_0", web.URL+"/tiny/manifest.json")
	requireLines(t, ok("model", "verify", "tiny").stderr, "✓ verify tiny", "matches the manifest")
	requireLines(t, ok("model", "info", "tiny", "--tensors").stdout, "2, 64, 96", "4, 2, 16", "128 tokens",
		"GPU memory for writing", "steps of 1024 tokens", "model.layers.1.self_attn.q_proj.weight")

	// With --json, the output is only JSON.
	for _, args := range [][]string{{"list"}, {"verify"}, {"info", "tiny"}, {"get", web.URL + "/tiny"}} {
		r := ok(append(append([]string{"model"}, args...), "--json")...)
		require.Empty(t, r.stderr)
		for line := range strings.Lines(r.stdout) {
			require.True(t, json.Valid([]byte(line)), line)
		}
	}

	// A command accepts a model by name, folder, manifest and file.
	kept := filepath.Join(dir, "models", "tiny")
	for _, name := range []string{"tiny", kept, filepath.Join(site, "tiny"),
		filepath.Join(site, "tiny", "manifest.json"), tiny, filepath.Join(tiny, "model.gguf")} {
		s := &fakeEngine{}
		r := invoke(t, t.Context(), s, "bench", "--model", name, "--out", filepath.Join(dir, "out"))
		require.Equal(t, exitOK, r.code, r.stderr)
		source, err := weights.OpenModel(t.Context(), s.store, "model")
		require.NoError(t, err, name)
		require.Equal(t, 64, source.Config.HiddenSize)
		require.ErrorIs(t, s.store.Write(t.Context(), "model/x", nil), fault.Unsupported)
	}

	// An altered file is not used, and is repaired.
	weightsFile := filepath.Join(kept, "model.gguf")
	data, err := os.ReadFile(weightsFile)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(weightsFile, data, 0o644))
	for _, args := range [][]string{{"bench", "--model", "tiny", "--out", filepath.Join(dir, "out")},
		{"model", "verify"}, {"model", "convert", "tiny", filepath.Join(dir, "again")}} {
		s := &fakeEngine{}
		r := invoke(t, t.Context(), s, args...)
		require.Equal(t, exitFault, r.code)
		requireLines(t, r.stderr, "was altered", "→ get ")
		require.Empty(t, s.calls)
	}
	ok("model", "get", web.URL+"/tiny/")
	ok("model", "verify")

	r = ok("model", "remove", "tiny")
	require.Equal(t, "Removed "+kept+"\n", r.stdout)
	require.NoDirExists(t, kept)
}

func TestModelFaults(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("NEXTQUILL_MODELS", filepath.Join(dir, "models"))
	out := []string{"--out", filepath.Join(dir, "out")}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{append([]string{"bench", "--model", "smollm2-135m"}, out...),
			[]string{"smollm2-135m is not downloaded yet", "→ download it first: nextquill model get smollm2-135m"}},
		{append([]string{"bench", "--model", "smollm3"}, out...),
			[]string{`"smollm3" is neither a stored model nor a folder or file`, "nextquill model list"}},
		{append([]string{"bench", "--model", "model.go"}, out...), []string{"model.go: is not a supported model"}},
		{[]string{"model", "get", "nothing"},
			[]string{"nothing: is neither a local file or folder", "→ use one of smollm2-135m"}},
		{[]string{"model", "get", dir, "--name", "../x"}, []string{`"../x" is not a valid name`}},
		{[]string{"model", "verify", tiny}, []string{"manifest.json: is missing"}},
		{[]string{"model", "verify", "nothing"}, []string{`"nothing" is neither a stored model nor a folder or file`}},
		{[]string{"model", "remove", "nothing", "../models"}, []string{`there is no model with the name "nothing"`}},
		{[]string{"model", "info", "nothing"}, []string{`"nothing" is neither a stored model`}},
		{[]string{"model", "convert", tiny, dir, "--to", "q8"}, []string{"the folder is not empty"}},
		{[]string{"model", "convert", tiny, filepath.Join(dir, "x"), "--to", "q3"}, []string{`"q3" is unknown`}},
		{[]string{"model", "convert", tiny, filepath.Join(dir, "x"), "--shard", "1"},
			[]string{"--shard: 1 bytes (limit at least 1024)"}},
	} {
		if c.args[1] == "convert" { // a folder with other files
			require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644))
		}
		r := invoke(t, t.Context(), &fakeEngine{}, c.args...)
		require.Equal(t, exitFault, r.code, "%v: %s", c.args, r.stdout)
		requireLines(t, r.stderr, c.want...)
	}
	require.Equal(t, exitUsage, invoke(t, t.Context(), &fakeEngine{}, "model", "get").code)
}

// TestEmbeddedModelByName converts the embedded model.
func TestEmbeddedModelByName(t *testing.T) {
	out := filepath.Join(t.TempDir(), "default")
	r := invoke(t, t.Context(), &fakeEngine{}, "model", "convert", "default", out, "--to", "q8")
	require.Equal(t, exitOK, r.code, r.stderr)
	s := &fakeEngine{}
	r = invoke(t, t.Context(), s, "bench", "--model", out, "--out", t.TempDir())
	require.Equal(t, exitOK, r.code, r.stderr)
	names, err := s.store.List(t.Context(), "model/")
	require.NoError(t, err)
	require.Equal(t, []string{"model/config.json", "model/generation_config.json", "model/model.gguf",
		"model/tokenizer.json", "model/tokenizer_config.json"}, names)
	_, err = blob.ReadAll(t.Context(), s.store, "model/tokenizer.json", 1<<20)
	require.NoError(t, err)
}
