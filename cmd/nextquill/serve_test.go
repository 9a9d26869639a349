package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/edge/site"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
)

// writeSite writes files and the manifest that lists them. Names that end in .br and .gz are
// compressed forms.
func writeSite(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	type entry struct {
		Path   string `json:"path"`
		Size   int    `json:"size"`
		SHA256 string `json:"sha256"`
		Brotli int    `json:"brotli"`
		Gzip   int    `json:"gzip"`
	}
	var list []entry
	for name, content := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
		if ext := filepath.Ext(name); ext != ".br" && ext != ".gz" {
			sum := sha256.Sum256([]byte(content))
			brotli, gzip := len(files[name+".br"]), len(files[name+".gz"])
			list = append(list, entry{name, len(content), hex.EncodeToString(sum[:]), brotli, gzip})
		}
	}
	text, err := json.Marshal(map[string]any{"files": list})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, site.ManifestName), text, 0o644))
}

// small is a site with a script in compressed forms, a model below models/, and files that must not
// be served: one outside, a listed link to it, one that is not listed, and one of a wrong size.
func small(t *testing.T) *httptest.Server {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "site")
	writeSite(t, dir, map[string]string{
		"index.html": "<!doctype html>", "assets/page-1.js": "plain", "assets/page-1.js.br": "brotli",
		"assets/page-1.js.gz":     "gzip",
		"model/model.safetensors": "0123456789", "link.txt": "secret", "cut.txt": "complete",
	})
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("secret"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "unlisted.txt"), []byte("secret"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cut.txt"), []byte("comp"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(dir, "link.txt")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "link.txt")))
	_, err := convert.Folder(t.Context(), blob.FromFS(models.DefaultFS()), "", filepath.Join(dir, "models", "small"),
		convert.Options{Name: "small", To: "q8", Shard: 1 << 20})
	require.NoError(t, err)
	server := httptest.NewServer(serveCmd{Site: dir}.handler())
	t.Cleanup(server.Close)
	return server
}

func ask(t *testing.T, server *httptest.Server, path string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestServeHeadersAndCompression(t *testing.T) {
	server := small(t)
	r, body := ask(t, server, "/")
	require.Equal(t, "<!doctype html>", body)
	require.Equal(t, "text/html; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
	policy := r.Header.Get("Content-Security-Policy")
	require.True(t, strings.HasPrefix(policy,
		"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "+
			"img-src 'self' data:; style-src 'self'"))
	require.Contains(t, policy, "require-trusted-types-for 'script'")

	for accept, want := range map[string]string{
		"gzip, deflate, br": "brotli", "gzip": "gzip", "": "plain", "br;q=0, gzip;q=0.5": "gzip", "br; q=0.0": "plain",
		"BR;q=1.0": "brotli",
	} {
		r, body := ask(t, server, "/assets/page-1.js", "Accept-Encoding", accept)
		require.Equal(t, want, body, accept)
		require.Equal(t, "text/javascript; charset=utf-8", r.Header.Get("Content-Type"))
		require.Contains(t, r.Header.Get("Cache-Control"), "immutable")
		require.Equal(t, "Accept-Encoding", r.Header.Get("Vary"))
	}
	r, body = ask(t, server, "/model/model.safetensors", "Range", "bytes=2-4", "Accept-Encoding", "br")
	require.Equal(t, http.StatusPartialContent, r.StatusCode)
	require.Equal(t, "234", body)
}

func TestServeStaysInFolder(t *testing.T) {
	server := small(t)
	for _, path := range []string{
		"/nothing", "/../secret.txt", "/..%2fsecret.txt", "/link.txt", "/unlisted.txt", "/assets", "/model/",
		"/models/small/nothing",
	} {
		r, body := ask(t, server, path)
		require.Equal(t, http.StatusNotFound, r.StatusCode, path)
		require.NotContains(t, body, "secret")
	}
	r, _ := ask(t, server, "/cut.txt")
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode, "the file and its manifest differ")
	r, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
}

func TestServeModels(t *testing.T) {
	server := small(t)
	_, text := ask(t, server, "/models/small/manifest.json")
	m, err := manifest.Parse("manifest.json", []byte(text))
	require.NoError(t, err)
	for _, f := range m.Files {
		h := sha256.New()
		for _, piece := range f.Pieces() {
			r, body := ask(t, server, "/models/small/"+piece.URL)
			require.Equal(t, http.StatusOK, r.StatusCode, piece.URL)
			require.Equal(t, `"`+piece.SHA256+`"`, r.Header.Get("ETag"))
			require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
			h.Write([]byte(body))
		}
		require.Equal(t, f.SHA256, hex.EncodeToString(h.Sum(nil)), f.Path)
	}
}

func TestServeCrossOriginIsolation(t *testing.T) {
	dir := t.TempDir()
	writeSite(t, dir, map[string]string{"index.html": "hello"})
	for isolated, want := range map[bool]string{true: "same-origin", false: ""} {
		answer := httptest.NewRecorder()
		handler := serveCmd{Site: dir, CrossOriginIsolation: isolated}.handler()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, "hello", answer.Body.String())
		require.Equal(t, want, answer.Header().Get("Cross-Origin-Opener-Policy"))
	}
}

func TestServeCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := serveCmd{Site: t.TempDir()}.Run(ctx, &app{stdout: io.Discard})
	require.Equal(t, fault.Missing, fault.KindOf(err))
	require.ErrorContains(t, err, "make site")

	dir := t.TempDir()
	writeSite(t, dir, map[string]string{"index.html": "hello"})
	address, printed := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serveCmd{Site: dir, Addr: "127.0.0.1:0"}.Run(ctx, &app{stdout: printed}) }()
	line := make([]byte, 64)
	n, err := address.Read(line)
	require.NoError(t, err)
	r, err := http.Get(strings.TrimSpace(string(line[:n])))
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, "hello", string(body))
	cancel()
	require.NoError(t, <-done)
}
