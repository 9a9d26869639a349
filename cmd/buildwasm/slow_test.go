package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// A slow visit: 1.6 Mbit/s with 150 ms until an answer starts, and a main thread that is four times
// slower.
const (
	slowRate    = 200_000 // bytes per second
	slowLatency = 150 * time.Millisecond
	slowCPU     = 4

	exampleWithin = 3 * time.Second
	draftWithin   = 60 * time.Second
)

// TestSlowVisit measures a first visit on a slow line with a slow processor: until the example is
// visible, and until the first draft is complete, whose model is downloaded on the way.
func TestSlowVisit(t *testing.T) {
	s := complete(t)
	server := httptest.NewUnstartedServer(compressedSite(t, s))
	server.Listener = &browsertest.SlowListener{Listener: server.Listener, Rate: slowRate, Latency: slowLatency}
	server.Start()
	t.Cleanup(server.Close)
	p := testPage{T: t, server: server}
	p.openChromium()
	require.NoError(t, p.browser.SetViewport(browsertest.Viewport{Width: 1280, Height: 800}))
	require.NoError(t, p.browser.SlowCPU(slowCPU))
	p.visit("/")
	p.until(`document.querySelector("#example-text") !== null && probe.firstPaint() > 0`)
	require.Equal(t, "true", p.value(`probe.isInWindow("#example-text")`), "the example is visible at once")
	painted := milliseconds(t, p.value(`probe.firstPaint()`))

	p.until(`shown("#write-start")`)
	p.do(`fill("#write .fields input", "coffee"); document.querySelector("#write-start").click()`)
	p.until(`shown("#fetch-bar") && /of 4\.3 MB/.test(document.querySelector("#fetch-note").textContent)`)
	// The plain draft starts when the other one is complete.
	p.untilFor(2*draftWithin, `document.querySelector("#draft-plain.writing") !== null`)
	written := milliseconds(t, p.value(`performance.now()`))
	require.NotEmpty(t, p.text("#draft-you"))
	t.Logf("at %d kB/s, with a %d times slower main thread: the example is visible after %v, the first draft after %v",
		slowRate/1000, slowCPU, painted, written)
	require.Less(t, painted, exampleWithin)
	require.Less(t, written, draftWithin)
	p.checkNoMessages()
}

func milliseconds(t *testing.T, text string) time.Duration {
	t.Helper()
	ms, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return time.Duration(ms * float64(time.Millisecond)).Round(10 * time.Millisecond)
}

// compressedSite serves a site as hosts do: compressed, and with files that may be cached forever.
// It compresses a little less than `make site`, which takes longer.
func compressedSite(t *testing.T, s *site) http.Handler {
	t.Helper()
	var mu sync.Mutex
	small := map[string][]byte{}
	compress := func(name string) []byte {
		mu.Lock()
		defer mu.Unlock()
		if small[name] == nil {
			var b bytes.Buffer
			w := brotli.NewWriterLevel(&b, 6)
			_, _ = w.Write(s.files[name]) // a buffer takes everything
			_ = w.Close()
			small[name] = b.Bytes()
		}
		return small[name]
	}
	for name := range s.first {
		compress(name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "index.html"
		}
		data, found := s.files[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(name, "assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if compressible(name) && strings.Contains(r.Header.Get("Accept-Encoding"), "br") {
			w.Header().Set("Content-Encoding", "br")
			w.Header().Set("Content-Type", typeOf(name))
			_, _ = w.Write(compress(name))
			return
		}
		http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(data))
	})
}

func typeOf(name string) string {
	return map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".json": "application/json", ".jsonl": "application/jsonl", ".wasm": "application/wasm",
	}[path.Ext(name)]
}
