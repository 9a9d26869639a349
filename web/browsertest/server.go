package browsertest

import (
	"io/fs"
	"net/http"
	"net/http/httptest"

	"nextquill/web/bundle"
)

// Policy is the strictest Content Security Policy that the product supports: pages and workers load
// files of their own origin only, and text is never executed as code.
const Policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'; " +
	"require-trusted-types-for 'script'; trusted-types nextquill"

const harnessPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title>
<link rel="icon" href="data:,">
<script type="module" src="harness.js"></script></html>`

// Serve starts a server on this machine with the page of harness.ts, the worker, the given
// WebAssembly files by name, and files under the path files/. The caller closes it.
func Serve(root string, wasm map[string][]byte, files fs.FS) (*httptest.Server, error) {
	mux := http.NewServeMux()
	serve := func(pattern, kind string, data []byte) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(data)
		})
	}
	serve("/{$}", "text/html; charset=utf-8", []byte(harnessPage))
	for name, module := range wasm {
		serve("/"+name, "application/wasm", module)
	}
	for entry, name := range map[string]string{"browsertest/harness.ts": "harness.js", bundle.Worker: "worker.js"} {
		b, err := bundle.Make(root, entry, nil)
		if err != nil {
			return nil, err
		}
		serve("/"+name, "text/javascript; charset=utf-8", b.JS)
	}
	mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServerFS(files)))
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", Policy)
		mux.ServeHTTP(w, r)
	})), nil
}
