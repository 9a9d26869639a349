//go:build hosts

package hosttest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/edge/site"
	"nextquill/wasm/guest"
	"nextquill/web/browsertest"
)

// dist is the folder of the built site.
func dist(t *testing.T) string {
	t.Helper()
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	dir := filepath.Join(root, "dist")
	require.FileExists(t, filepath.Join(dir, site.ManifestName), "run make site first")
	return dir
}

// library serves the site from one origin, to be embedded by pages of another one.
func library(t *testing.T) (origin string) {
	t.Helper()
	folder := site.NewFolder(dist(t))
	server := httptest.NewServer(site.Handler{Files: folder, Models: site.NewModels(folder)})
	t.Cleanup(server.Close)
	// Another host name and another port than those of the page.
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// release is the versioned folder of the site, with its integrity values.
func release(t *testing.T) (folder string, values map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dist(t), "lib/integrity.json"))
	require.NoError(t, err)
	var listed struct {
		Version   string
		Integrity map[string]string
	}
	require.NoError(t, json.Unmarshal(text, &listed))
	return "lib@" + listed.Version, listed.Integrity
}

// embedder is a page of another site.
type embedder struct {
	origin string // of the library
	folder string
	values map[string]string
	policy string // Content-Security-Policy of the page; LIBRARY stands for the origin, MAP for the import map's hash
	worker string // content of a script of the page's own origin to name as the worker, if any
}

// workerPolicy is the policy of that script's response.
const workerPolicy = "default-src 'none'; script-src LIBRARY 'wasm-unsafe-eval'; worker-src LIBRARY; " +
	"connect-src LIBRARY"

func (e embedder) open(t *testing.T) *browsertest.Browser {
	t.Helper()
	lib := e.origin + "/" + e.folder
	importMap, err := json.Marshal(map[string]any{
		"integrity": map[string]string{lib + "/nextquill.js": e.values["nextquill.js"]},
	})
	require.NoError(t, err)
	sum := sha256.Sum256(importMap)
	fill := strings.NewReplacer("LIBRARY", e.origin, "MAP", "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	worker := ""
	if e.worker != "" {
		worker = ` worker="worker.js"`
	}
	page := fmt.Sprintf(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Another site</title>
<link rel="icon" href="data:,">
<script type="importmap">%s</script>
<script type="module" src="%s/element.js" integrity="%s" crossorigin></script>
<next-quill%s></next-quill></html>`, importMap, lib, e.values["element.js"], worker)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", fill.Replace(e.policy))
			fmt.Fprint(w, page)
		case "/worker.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			w.Header().Set("Content-Security-Policy", fill.Replace(workerPolicy))
			fmt.Fprint(w, e.worker)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	b, err := browsertest.Open(t.Context(), server.URL+"/", "disable_workgroup_init")
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func evaluate(t *testing.T, b *browsertest.Browser, patience time.Duration, into any, script string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	raw, err := b.Evaluate(ctx, script)
	require.NoError(t, err, "%v", b.TakeMessages())
	require.NoError(t, json.Unmarshal(raw, into))
}

// explain has the element load the model and run it once: the worker, the guest and the weights
// come from the other origin.
const explain = `(async () => {
	await customElements.whenDefined("next-quill");
	const element = document.querySelector("next-quill");
	let fault;
	element.addEventListener("nq-error", (e) => { fault = e.detail; });
	element.value = "Tea, n. A drink.";
	const root = element.shadowRoot;
	await element.history.add({ text: "Coffee, n. A drink that is taken for tea." });
	while (root.querySelector("[part~=explain]").disabled) await new Promise((later) => setTimeout(later, 50));
	root.querySelector("[part~=explain]").click();
	const tokens = () => root.querySelectorAll("[role=option]").length;
	while (fault === undefined && tokens() === 0) await new Promise((later) => setTimeout(later, 50));
	return { tokens: tokens(), kind: fault?.kind ?? "", message: fault?.message ?? "" };
})()`

type explained struct {
	Tokens        int
	Kind, Message string
}

const strict = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src LIBRARY MAP 'wasm-unsafe-eval'; " +
	"connect-src LIBRARY; img-src data:; require-trusted-types-for 'script'; trusted-types nextquill; "

// TestEmbedBlobWorker embeds from another origin where the page's policy allows blob: workers.
func TestEmbedBlobWorker(t *testing.T) {
	folder, values := release(t)
	policy := strict + "worker-src blob: LIBRARY"
	b := embedder{origin: library(t), folder: folder, values: values, policy: policy}.open(t)
	var r explained
	evaluate(t, b, 3*time.Minute, &r, explain)
	require.Positive(t, r.Tokens, "%s; %v", r.Message, b.TakeMessages())
	require.Empty(t, b.TakeMessages())
}

// TestEmbedOwnWorker embeds from another origin where the policy forbids blob:. The worker is a
// script of the page's own origin: one line that imports the real one, which Chromium requires
// worker-src to allow, or a copy of it, which needs nothing from worker-src but 'self'.
func TestEmbedOwnWorker(t *testing.T) {
	folder, values := release(t)
	origin := library(t)
	script, err := os.ReadFile(filepath.Join(dist(t), folder, "worker.js"))
	require.NoError(t, err)
	line := fmt.Sprintf("import %q;\n", origin+"/"+folder+"/worker.js")
	for worker, policy := range map[string]string{
		line: "worker-src 'self' LIBRARY", string(script): "worker-src 'self'",
	} {
		b := embedder{origin: origin, folder: folder, values: values, policy: strict + policy, worker: worker}.open(t)
		var r explained
		evaluate(t, b, 3*time.Minute, &r, explain)
		require.Positive(t, r.Tokens, "%s: %s; %v", policy, r.Message, b.TakeMessages())
		require.Empty(t, b.TakeMessages())
	}
}

// TestEmbedRefused has a policy that allows neither: the fault says what to allow.
func TestEmbedRefused(t *testing.T) {
	folder, values := release(t)
	origin := library(t)
	b := embedder{origin: origin, folder: folder, values: values, policy: strict + "worker-src 'self'"}.open(t)
	var r explained
	evaluate(t, b, time.Minute, &r, explain)
	require.Equal(t, "unsupported", r.Kind, r.Message)
	require.Contains(t, r.Message, "worker-src blob: "+origin)
}

// TestEmbedAlteredScript has integrity values that are not those of the scripts.
func TestEmbedAlteredScript(t *testing.T) {
	folder, values := release(t)
	for _, name := range []string{"element.js", "nextquill.js"} {
		altered := map[string]string{"element.js": values["element.js"], "nextquill.js": values["nextquill.js"]}
		altered[name] = values["worker.js"]
		policy := strict + "worker-src blob: LIBRARY"
		b := embedder{origin: library(t), folder: folder, values: altered, policy: policy}.open(t)
		var defined bool
		evaluate(t, b, time.Minute, &defined, `(async () => {
			await new Promise((later) => setTimeout(later, 500));
			return customElements.get("next-quill") !== undefined;
		})()`)
		require.False(t, defined, name)
	}
}
