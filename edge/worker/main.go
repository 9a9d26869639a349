//go:build js && wasm

// Command worker is the Cloudflare Worker that serves the site: edge/site on two storages, the
// static assets of the deployment (binding ASSETS) and a bucket with models (binding MODELS,
// optional). The runtime starts one instance for each request.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/syumai/workers"
	"github.com/syumai/workers/cloudflare"

	"nextquill/edge/site"
)

func main() {
	workers.Serve(http.HandlerFunc(serve))
}

func serve(w http.ResponseWriter, r *http.Request) {
	// worker.mjs adds the manifest of the deployment to the bindings.
	text := []byte(cloudflare.GetBinding("MANIFEST").String())
	sum := sha256.Sum256(text)
	manifest, err := site.ParseManifest(text, hex.EncodeToString(sum[:]))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	files := assets{cloudflare.GetBinding("ASSETS"), manifest}
	storages := site.Storages{files} // dist/models/
	if bucket := cloudflare.GetBinding("MODELS"); !bucket.IsUndefined() {
		storages = site.Storages{models{bucket}, files}
	}
	handler := site.Handler{Files: files, Models: site.NewModels(storages)}
	if cloudflare.GetBinding("CROSS_ORIGIN_ISOLATION").String() == "true" {
		handler.CrossOriginIsolation = true
	}
	joinHeader(r.Header)
	handler.ServeHTTP(newResponse(w, r), r)
}

// joinHeader undoes what syumai/workers does to a request's header: it splits each value at its
// commas, those of "bytes=0-1,5-6" and of a list of entity tags among them.
func joinHeader(header http.Header) {
	for name, values := range header {
		header[name] = []string{strings.Join(values, ",")}
	}
}
