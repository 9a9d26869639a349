package testfile_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/guest"
	"nextquill/web/browsertest"
	"nextquill/web/browsertest/testfile"
)

const page = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/tests/runner.test.js"></script>`

// TestRunner runs the runner's own test file in both browsers.
func TestRunner(t *testing.T) {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	script, err := testfile.Bundle(root, "web/browsertest/testfile/tests/runner.test.ts")
	require.NoError(t, err)
	mux := http.NewServeMux()
	serve := func(path, kind string, data []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(data)
		})
	}
	serve("/{$}", "text/html", []byte(page))
	serve("/tests/runner.test.js", "text/javascript", script.JS)
	server := httptest.NewServer(mux)
	defer server.Close()

	t.Run("chromium", func(t *testing.T) {
		b, err := browsertest.Open(t.Context(), server.URL)
		require.NoError(t, err)
		defer b.Close()
		run(t, b, script)
	})
	t.Run("firefox", func(t *testing.T) {
		b, err := browsertest.OpenFirefox(t.Context(), server.URL)
		require.NoError(t, err)
		defer b.Close()
		run(t, b, script)
	})
}

func run(t *testing.T, b browsertest.Page, script *testfile.Script) {
	p := testfile.Attach(b, script, testfile.Commands{
		"add": func(_ context.Context, args []json.RawMessage) (any, error) {
			var x, y int
			err := errors.Join(json.Unmarshal(args[0], &x), json.Unmarshal(args[1], &y))
			return x + y, err
		},
		"fails": func(context.Context, []json.RawMessage) (any, error) { return nil, errors.New("on purpose") },
	})
	p.RunTests(t)

	var n int
	require.NoError(t, p.Call(t.Context(), &n, "double", 21))
	require.Equal(t, 42, n)
	told := make(chan string, 1)
	p.OnMessage(func(raw json.RawMessage) { told <- string(raw) })
	require.NoError(t, p.Call(t.Context(), nil, "tell"))
	require.JSONEq(t, `{"told":true}`, <-told)
	err := p.Call(t.Context(), nil, "breaks")
	require.ErrorContains(t, err, "missing: gone")
	require.ErrorContains(t, err, "web/browsertest/testfile/tests/runner.test.ts:", "the stack has the source's lines")
	require.ErrorContains(t, p.Call(t.Context(), nil, "unknown"), "there is no step unknown")
}
