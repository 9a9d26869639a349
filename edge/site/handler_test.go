//go:build !js

package site_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/edge/site"
)

var pageText = strings.Repeat("<p>A page of this site.</p>\n", 200)

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func zip(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// newSite writes a small site and a file that it does not list, and returns its folder.
func newSite(t testing.TB) string {
	dir := t.TempDir()
	put := func(name string, data []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	type entry struct {
		Path   string `json:"path"`
		Size   int    `json:"size"`
		SHA256 string `json:"sha256"`
		Gzip   int    `json:"gzip,omitempty"`
		Brotli int    `json:"brotli,omitempty"`
	}
	var files []entry
	for name, text := range map[string]string{
		"index.html": pageText, "assets/page-0123456789.js": "export {};" + strings.Repeat(" ", 99),
		"lib/element.js": "customElements;", "model/model.gguf": strings.Repeat("0123456789", 1000),
		"docs/index.html": "docs",
	} {
		e := entry{Path: name, Size: len(text), SHA256: hexSum([]byte(text))}
		put(name, []byte(text))
		if name == "index.html" {
			compressed := zip(t, []byte(text))
			put(name+".gz", compressed)
			put(name+".br", []byte("stands for brotli"))
			e.Gzip, e.Brotli = len(compressed), len("stands for brotli")
		}
		files = append(files, e)
	}
	put("secret.txt", []byte("not listed"))
	text, err := json.Marshal(map[string]any{"files": files})
	require.NoError(t, err)
	put(site.ManifestName, text)
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "outside")))
	return dir
}

func newHandler(t testing.TB) http.Handler { return site.Handler{Files: site.NewFolder(newSite(t))} }

// get asks the handler; header has names and values in turns.
func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://site.test/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	data, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(data)
}

func TestFiles(t *testing.T) {
	h := newHandler(t)
	r := get(h, "GET", "/")
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, pageText, text(t, r))
	require.Equal(t, "text/html; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
	require.Equal(t, `"`+hexSum([]byte(pageText))+`"`, r.Header.Get("ETag"))
	require.Equal(t, "docs", text(t, get(h, "GET", "/docs/")))
	require.Contains(t, get(h, "GET", "/assets/page-0123456789.js").Header.Get("Cache-Control"), "immutable")
	require.Equal(t, "application/json", get(h, "GET", "/manifest.json").Header.Get("Content-Type"))

	head := get(h, "HEAD", "/model/model.gguf")
	require.Equal(t, "10000", head.Header.Get("Content-Length"))
	require.Empty(t, text(t, head))
}

func TestEncodings(t *testing.T) {
	h := newHandler(t)
	for accept, encoding := range map[string]string{
		"br": "br", "gzip": "gzip", "gzip, br": "br", "gzip;q=1.0, br;q=0": "gzip", "*": "br", "": "", "identity": "",
		"BR;Q=0.1": "br", "br;q=2": "", "br;q=x, gzip": "gzip", "*;q=0": "", "deflate": "", ";;,,br": "br",
	} {
		r := get(h, "GET", "/", "Accept-Encoding", accept)
		require.Equal(t, encoding, r.Header.Get("Content-Encoding"), accept)
		require.Equal(t, "Accept-Encoding", r.Header.Get("Vary"))
		suffix := ""
		if encoding != "" {
			suffix = "-" + encoding
		}
		require.Equal(t, `"`+hexSum([]byte(pageText))+suffix+`"`, r.Header.Get("ETag"), accept)
	}
	zipped := get(h, "GET", "/", "Accept-Encoding", "gzip")
	reader, err := gzip.NewReader(zipped.Body)
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, pageText, string(plain))
}

func TestConditionalRequests(t *testing.T) {
	h := newHandler(t)
	tag := get(h, "GET", "/").Header.Get("ETag")
	for header, status := range map[string]int{
		tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, "": 200, "nonsense": 200,
	} {
		r := get(h, "GET", "/", "If-None-Match", header)
		require.Equal(t, status, r.StatusCode, header)
		if status == 304 {
			require.Empty(t, text(t, r))
			require.Equal(t, tag, r.Header.Get("ETag"))
		}
	}
	// The tag of the compressed form is another: its bytes are others.
	require.Equal(t, 200, get(h, "GET", "/", "If-None-Match", tag, "Accept-Encoding", "br").StatusCode)
}

func TestRanges(t *testing.T) {
	h := newHandler(t)
	whole := strings.Repeat("0123456789", 1000)
	for value, want := range map[string]string{
		"bytes=0-4": whole[:5], "bytes=9995-": whole[9995:], "bytes=-3": whole[9997:], "bytes=5-99999": whole[5:],
	} {
		r := get(h, "GET", "/model/model.gguf", "Range", value)
		require.Equal(t, 206, r.StatusCode, value)
		require.Equal(t, want, text(t, r), value)
		require.Equal(t, fmt.Sprint(len(want)), r.Header.Get("Content-Length"))
	}
	for _, value := range []string{
		"bytes=10000-", "bytes=5-4", "bytes=0-1,3-4", "bytes=0-1, 2-3", "lines=1-2", "bytes=x",
	} {
		r := get(h, "GET", "/model/model.gguf", "Range", value)
		require.Equal(t, 416, r.StatusCode, value)
	}
	several := get(h, "GET", "/model/model.gguf", "Range", "bytes=0-1,3-4")
	require.Equal(t, "bytes */10000", several.Header.Get("Content-Range"))

	// A range is never of a compressed form.
	r := get(h, "GET", "/", "Range", "bytes=0-9", "Accept-Encoding", "br, gzip")
	require.Equal(t, pageText[:10], text(t, r))
	require.Empty(t, r.Header.Get("Content-Encoding"))

	tag := get(h, "GET", "/model/model.gguf").Header.Get("ETag")
	require.Equal(t, 206, get(h, "GET", "/model/model.gguf", "Range", "bytes=0-1", "If-Range", tag).StatusCode)
	require.Equal(t, 200, get(h, "GET", "/model/model.gguf", "Range", "bytes=0-1", "If-Range", `"other"`).StatusCode)
}

// TestNoRouteAcceptsData asks for every file, and some that do not exist, by every method.
func TestNoRouteAcceptsData(t *testing.T) {
	h := newHandler(t)
	paths := []string{
		"/", "/index.html", "/lib/element.js", "/model/model.gguf", "/manifest.json", "/api", "/docs/", "/models/x",
	}
	for _, method := range []string{
		"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get", "",
	} {
		for _, target := range paths {
			r := httptest.NewRequest("POST", "http://site.test/", strings.NewReader("a text of somebody"))
			r.URL.Path, r.Method = target, method
			if method == "" {
				r.Method = "X"
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, 405, w.Code, "%s %s", method, target)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
			require.Empty(t, w.Header().Values("Set-Cookie"))
		}
	}
}

func TestNotFound(t *testing.T) {
	h := newHandler(t)
	for _, target := range []string{
		"/secret.txt", "/outside", "/index.html.gz", "/../etc/passwd", "/a/../index.html",
		"//index.html", "/./index.html", "/docs",
		"/assets", "/index.html/", "/\\index.html", "/index.html\x00", "", "index.html",
		"/" + strings.Repeat("a/", 5000), "/models/x",
	} {
		r := get(h, "GET", target)
		require.Equal(t, 404, r.StatusCode, "%.40q", target)
		require.Equal(t, "There is no file of this name on this site.\n", text(t, r))
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	}
}

func TestSharing(t *testing.T) {
	h := newHandler(t)
	for target, origin := range map[string]string{"/lib/element.js": "*", "/model/model.gguf": "*", "/": ""} {
		require.Equal(t, origin, get(h, "GET", target).Header.Get("Access-Control-Allow-Origin"), target)
	}
	page := get(h, "GET", "/").Header
	require.Contains(t, page.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "nosniff", page.Get("X-Content-Type-Options"))
	require.Empty(t, page.Get("Cross-Origin-Opener-Policy"))
	isolated := site.Handler{Files: site.NewFolder(newSite(t)), CrossOriginIsolation: true}
	require.Equal(t, "same-origin", get(isolated, "GET", "/").Header.Get("Cross-Origin-Opener-Policy"))
}

// cut is a folder whose files end early.
type cut struct{ *site.Folder }

func (c cut) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	file, err := c.Folder.Open(ctx, name, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, 10), file}, nil
}

// TestBrokenStorage has files that are shorter than listed or gone, and a folder that is gone.
func TestBrokenStorage(t *testing.T) {
	dir := newSite(t)
	h := site.Handler{Files: site.NewFolder(dir)}
	server := httptest.NewServer(site.Handler{Files: cut{site.NewFolder(dir)}})
	defer server.Close()
	r, err := http.Get(server.URL + "/model/model.gguf")
	require.NoError(t, err)
	_, err = io.ReadAll(r.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the client can tell that bytes are missing")
	require.NoError(t, os.Truncate(filepath.Join(dir, "model/model.gguf"), 10))
	require.Equal(t, 503, get(h, "GET", "/model/model.gguf").StatusCode)
	require.NoError(t, os.Remove(filepath.Join(dir, "model/model.gguf")))
	require.Equal(t, 404, get(h, "GET", "/model/model.gguf").StatusCode)
	require.NoError(t, os.WriteFile(filepath.Join(dir, site.ManifestName), []byte("{"), 0o644))
	require.Equal(t, 503, get(h, "GET", "/").StatusCode)
	require.Equal(t, 404, get(site.Handler{Files: site.NewFolder(filepath.Join(dir, "no"))}, "GET", "/").StatusCode)
}

// FuzzHandler checks that no request gives a 5xx answer or a byte of a file that is not listed.
func FuzzHandler(f *testing.F) {
	h := newHandler(f)
	f.Add("/index.html", "bytes=0-1", `"x"`, "br;q=0.5, *")
	f.Add("/%2e%2e/secret.txt", "bytes=-1,", "*", "")
	f.Add("/../secret.txt", "bytes=9-1", "W/", ";q=")
	f.Fuzz(func(t *testing.T, target, ranges, match, accept string) {
		r := get(h, "GET", target, "Range", ranges, "If-None-Match", match, "Accept-Encoding", accept)
		require.Less(t, r.StatusCode, 500)
		require.NotContains(t, text(t, r), "not listed")
	})
}

func ExampleHandler() {
	files := site.NewFolder("dist") // from make site
	server := http.Server{Addr: "127.0.0.1:8080", Handler: site.Handler{Files: files}}
	fmt.Println(server.Addr)
	// Output: 127.0.0.1:8080
}

// TestPolicies checks that only the page for downloads may reach another server.
func TestPolicies(t *testing.T) {
	for _, name := range []string{"index.html", "assets/page-0123456789.js", "docs/download.html", "download.js"} {
		require.Equal(t, site.ContentPolicy, site.PolicyOf(name))
		require.NotContains(t, site.PolicyOf(name), "https:")
	}
	require.Contains(t, site.PolicyOf("download.html"), "connect-src 'self' "+site.ModelServers+"; img-src")
}
