package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

// small is a site with a script that also has compressed files, and a file outside that must not be
// served.
func small(t *testing.T) *httptest.Server {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "site")
	for name, content := range map[string]string{
		"index.html": "<!doctype html>", "assets/page-1.js": "plain", "assets/page-1.js.br": "brotli",
		"assets/page-1.js.gz":     "gzip",
		"model/model.safetensors": "0123456789", "../secret.txt": "secret",
	} {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(dir, "link.txt")))
	server := httptest.NewServer(siteHandler{dir})
	t.Cleanup(server.Close)
	return server
}

func ask(t *testing.T, server *httptest.Server, path string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "identity") // otherwise the client requests gzip and hides it
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(request)
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
	for _, path := range []string{"/nothing", "/../secret.txt", "/..%2fsecret.txt", "/link.txt", "/assets", "/model/"} {
		r, body := ask(t, server, path)
		require.Equal(t, http.StatusNotFound, r.StatusCode, path)
		require.NotContains(t, body, "secret")
	}
	r, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
}

func TestServeCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := serveCmd{Site: t.TempDir()}.Run(ctx, &app{stdout: io.Discard})
	require.Equal(t, fault.Missing, fault.KindOf(err))
	require.ErrorContains(t, err, "make site")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello"), 0o644))
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
