//go:build hosts

package hosttest_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"nextquill/edge/site"
)

const (
	// modelName is the model of dist/models/ that the tests use: scripts/site-model default.
	modelName   = "default"
	bucketModel = "bucket"
)

// types are those that browsers insist on.
var types = map[string]string{
	".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css", ".html": "text/html",
}

// TestFiles gets every file of the manifest in every form from every host.
func TestFiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dist(t), site.ManifestName))
	require.NoError(t, err)
	manifest, err := site.ParseManifest(text, sum(text))
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableCompression: true}}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			encodings := map[string]int{}
			for _, file := range manifest {
				for _, accept := range []string{"identity", "gzip", "br, gzip"} {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+file.Path, nil)
					require.NoError(t, err)
					r.Header.Set("Accept-Encoding", accept)
					response, err := client.Do(r)
					require.NoError(t, err)
					data, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					response.Body.Close()
					require.Equal(t, http.StatusOK, response.StatusCode, file.Path)
					encoding := response.Header.Get("Content-Encoding")
					encodings[encoding]++
					require.Equal(t, file.SHA256, sum(decoded(t, encoding, data)), "%s %s", file.Path, encoding)
					if want, ok := types[path.Ext(file.Path)]; ok {
						require.Contains(t, response.Header.Get("Content-Type"), want, file.Path)
					}
					immutable := response.Header.Get("Cache-Control") == "public, max-age=31536000, immutable"
					require.Equal(t, file.Immutable, immutable, file.Path)
					policy := response.Header.Get("Content-Security-Policy")
					require.Contains(t, policy, site.PolicyOf(file.Path), file.Path)
					shared := response.Header.Get("Access-Control-Allow-Origin") == "*"
					require.Equal(t, path.Dir(file.Path) != ".", shared, file.Path)
				}
			}
			t.Logf("%d files; encodings %v", len(manifest), encodings)
			require.Positive(t, encodings["gzip"])

			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"model/model.gguf", nil)
			require.NoError(t, err)
			r.Header.Set("Range", "bytes=5-9")
			response, err := client.Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			data, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			weights, err := os.ReadFile(filepath.Join(dist(t), "model/model.gguf"))
			require.NoError(t, err)
			require.Equal(t, http.StatusPartialContent, response.StatusCode)
			require.Equal(t, weights[5:10], data)

			posted, err := client.Post(s.url+"index.html", "text/plain", bytes.NewReader([]byte("x")))
			require.NoError(t, err)
			posted.Body.Close()
			require.Equal(t, http.StatusMethodNotAllowed, posted.StatusCode)
		})
	}
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func decoded(t *testing.T, encoding string, data []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	switch encoding {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		var err error
		r, err = gzip.NewReader(r)
		require.NoError(t, err)
	default:
		require.Empty(t, encoding)
	}
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return plain
}
