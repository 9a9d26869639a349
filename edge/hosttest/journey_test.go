//go:build hosts

package hosttest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/edge/site"
	"nextquill/web/browsertest"
)

// page drives the page of the site by its controls.
type page struct {
	*testing.T
	*browsertest.Browser
}

const tools = `
	const fill = (at, text) => {
		const e = document.querySelector(at);
		e.value = text;
		e.dispatchEvent(new Event("input", { bubbles: true }));
	};
	const shown = (at) => {
		const e = document.querySelector(at);
		return e !== null && e.checkVisibility() && !e.disabled;
	};
	const text = (at) => document.querySelector(at).textContent;`

func (p page) do(script string, args ...any) {
	p.Helper()
	_, err := p.Evaluate(p.Context(), "(() => {"+tools+fmt.Sprintf(script, args...)+"})()")
	require.NoError(p, err, script)
}

func (p page) until(patience time.Duration, condition string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), patience)
	defer stop()
	for {
		raw, err := p.Evaluate(ctx, "(() => {"+tools+"return "+condition+"})()") // fails between two documents
		if err == nil && string(raw) == "true" {
			return
		}
		if ctx.Err() != nil {
			said, _ := p.Evaluate(p.Context(), `document.querySelector("#alert")?.textContent ?? ""`)
			require.Fail(p, "the condition stays false", "%s: %v; the page says %s", condition, err, said)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestJourney personalizes and writes in Chromium on each host, with every request recorded: only
// GET and HEAD of files in the manifest. The second visit is without the host.
func TestJourney(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dist(t), site.ManifestName))
	require.NoError(t, err)
	manifest, err := site.ParseManifest(text, sum(text))
	require.NoError(t, err)
	for _, name := range []string{"serve", "nginx", "workerd"} {
		t.Run(name, func(t *testing.T) {
			host := servers[name](t)
			b, err := browsertest.Open(t.Context(), "about:blank", "disable_workgroup_init")
			require.NoError(t, err)
			t.Cleanup(b.Close)
			record, err := b.RecordNetwork(t.Context())
			require.NoError(t, err)
			t.Cleanup(record.Close)
			p := page{t, b}
			p.do(`setTimeout(() => location.href = %q)`, host.url)
			p.until(time.Minute, `document.documentElement.dataset.settled === "true"`)
			p.do(`document.querySelector("#fetch").click()`)
			p.until(2*time.Minute, `shown("#write-start")`)
			for i := range 4 {
				p.do(`fill("#add textarea", "Coffee number %d is a drink that is taken for tea.");
					document.querySelector("#add [type=submit]").click()`, i)
				p.until(30*time.Second, fmt.Sprintf(`text("#count").startsWith("%d text")`, i+1))
			}
			began := time.Now()
			p.do(`document.querySelector("#train details").open = true;
				fill("#epochs", "1");
				document.querySelector("#train-start").click()`)
			p.until(4*time.Minute, `/Done in/.test(text("#train-stage"))`)
			p.until(2*time.Minute, `shown("#write-start") && shown("#draft-explain")`)
			t.Logf("personalized in %v", time.Since(began).Round(time.Second))
			write(p)
			requests, err := record.Requests()
			require.NoError(t, err)
			seen, count := map[string]bool{}, 0
			for _, r := range requests {
				if r.IsLocal() || r.Event == "Network.requestWillBeSentExtraInfo" { // headers of another event
					continue
				}
				path, found := strings.CutPrefix(r.URL, host.url)
				require.True(t, found, "a request to another host: %v", r)
				require.Contains(t, []string{http.MethodGet, http.MethodHead}, r.Method, "%v", r)
				require.Empty(t, r.Body, "%v", r)
				if path == "" {
					path = "index.html"
				}
				require.Contains(t, manifest, path, "%v", r)
				seen[path] = true
				count++
			}
			require.Contains(t, seen, "model/model.gguf")
			t.Logf("%d network events for %d files, all in the manifest", count, len(seen))
			require.Empty(t, record.Messages())

			models(p, host.url, name)

			host.stop()
			p.do(`setTimeout(() => location.href = %q)`, host.url)
			p.until(time.Minute, `document.documentElement.dataset.settled === "true" && text("#count") === "4 texts"`)
			p.until(time.Minute, `shown("#write-start")`)
			write(p)
		})
	}
}

// write has a draft written.
func write(p page) {
	p.Helper()
	p.do(`document.querySelector("#draft-live").textContent = "";
		document.querySelectorAll("#write .fields :is(input, textarea)").forEach((e) => {
			e.value = "tea";
			e.dispatchEvent(new Event("input", { bubbles: true }));
		});
		document.querySelector("#write-start").click()`)
	p.until(2*time.Minute, `shown("#write-start") && /^Done\./.test(text("#draft-live"))`)
}

// models opens a converted model from dist/models/ and, on workerd, from the bucket too.
func models(p page, url, host string) {
	p.Helper()
	// Another document: the page has the module in its own bundle, and a policy cannot be created
	// twice.
	p.do(`setTimeout(() => location.href = %q)`, url+"lib/README.md")
	p.until(time.Minute, `location.pathname.endsWith("README.md") && document.readyState === "complete"`)
	folders := []string{modelName}
	if host == "workerd" {
		folders = append(folders, bucketModel)
	}
	for _, folder := range folders {
		ctx, stop := context.WithTimeout(p.Context(), time.Minute)
		defer stop()
		raw, err := p.Evaluate(ctx, fmt.Sprintf(`(async () => {
			const { NextQuill } = await import(%[1]q + "lib/nextquill.js");
			const nq = await NextQuill.open({ model: %[1]q + "models/%[2]s/manifest.json" });
			const { text } = await nq.write({ plain: true, maxTokens: 4 }).result;
			const { bytes } = nq.model;
			await nq.dispose();
			return { bytes, text };
		})()`, url, folder))
		require.NoError(p, err, folder)
		p.Logf("models/%s: %s", folder, raw)
	}
}
