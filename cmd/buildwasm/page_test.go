package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/guest"
	"nextquill/web/browsertest"
)

// TestPage goes through what the page does without a model: texts in every way, the site in a sub-folder of a host that sends
// no headers, and a second visit without a network.
func TestPage(t *testing.T) {
	p := openPage(t)
	require.NotContains(t, p.text("#gpu"), "Looking")

	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.Contains(t, p.text("#history-note"), "160 texts added")
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/160 already here/.test(document.querySelector("#history-note").textContent)`)

	p.do(`fill("#search", "bereavement")`)
	require.Equal(t, "1 of 160 texts", p.text("#count"))
	require.Equal(t, "bereavement", p.text("#items mark"))
	p.do(`fill("#search", "")`)

	p.look("desktop", browsertest.Look{Width: 1280, Height: 900})
	p.look("phone", browsertest.Look{Width: 390, Height: 844, Phone: true})
	require.Equal(t, "true", p.value(`document.documentElement.scrollWidth <= innerWidth`), "a phone scrolls one way")
	p.look("dark", browsertest.Look{Width: 1280, Height: 900, Dark: true})
	p.browserSaidNothing()
}

// TestPageTakesTextAsText adds what would be markup, and looks for a trace of it having been taken for such.
func TestPageTakesTextAsText(t *testing.T) {
	p := openPage(t)
	hostile := `<img src=x onerror="document.title='bad'"><script>document.title='bad'</script>`
	p.do(`fill("#add textarea", %q); fill("#add .fields input", %q); document.querySelector("#add").requestSubmit()`, hostile, `<b>word</b>`)
	p.until(`document.querySelectorAll("#items li").length === 1`)
	require.Equal(t, hostile, p.text("#items .text"))
	require.Equal(t, "<b>word</b>", p.text("#items dfn"))
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items :is(img, script, b)").length`))

	p.do(`document.querySelector("#items .tools button").click(); fill("#items textarea", "edited"); document.querySelector("#items form").requestSubmit()`)
	p.until(`document.querySelector("#items .text")?.textContent === "edited"`)
	p.do(`document.querySelectorAll("#items .tools button")[1].click()`)
	p.until(`document.querySelector("#shelf").hidden`)
	p.do(`document.querySelector("#history-note button").click()`)
	p.until(`document.querySelector("#items .text")?.textContent === "edited"`)

	require.Equal(t, "NextQuill", p.value(`document.title`))
	require.Equal(t, "0", p.value(`document.querySelector("#requests").dataset.count`), "typed texts cause no request")
	p.browserSaidNothing()
}

// TestPageOffline closes the server and reloads.
func TestPageOffline(t *testing.T) {
	p := openPage(t)
	p.do(`fill("#add textarea", "still here"); document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelectorAll("#items li").length === 1`)
	p.server.CloseClientConnections()
	p.server.Close()
	p.do(`setTimeout(() => location.reload(), 0)`)
	p.until(`document.querySelector("#items .text")?.textContent === "still here"`)
}

// TestPolicyIsEverywhereTheSame compares the page's own policy with what a test server and nextquill serve send.
func TestPolicyIsEverywhereTheSame(t *testing.T) {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	html, err := os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	own := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(html)
	require.NotNil(t, own)
	require.Equal(t, strings.Replace(browsertest.Policy, "trusted-types nextquill", "trusted-types nextquill nextquill-page", 1), string(own[1]))
}

type testPage struct {
	*testing.T
	browser *browsertest.Browser
	server  *httptest.Server
}

// the site is built once; nothing here runs the guest, so any module does for it.
var built = sync.OnceValues(func() (*site, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return nil, err
	}
	s := newSite(root)
	s.addHashed("nextquill.wasm", []byte("\x00asm\x01\x00\x00\x00"))
	for _, stage := range []func() error{func() error { return s.model(context.Background()) }, s.sample, s.scripts} {
		if err := stage(); err != nil {
			return nil, err
		}
	}
	return s, nil
})

func openPage(t *testing.T) testPage {
	t.Helper()
	s, err := built()
	require.NoError(t, err)
	dir := t.TempDir()
	for name, data := range s.files {
		require.NoError(t, put(filepath.Join(dir, "some", "folder", filepath.FromSlash(name)), data))
	}
	p := testPage{T: t, server: httptest.NewServer(http.FileServer(http.Dir(dir)))}
	t.Cleanup(p.server.Close)
	p.browser, err = browsertest.Open(t.Context(), p.server.URL+"/some/folder/")
	require.NoError(t, err)
	t.Cleanup(p.browser.Close)
	p.until(`document.documentElement.dataset.settled === "true"`)
	return p
}

// value is a script's value in JSON; strings come without quotes.
func (p testPage) value(script string) string {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), 30*time.Second)
	defer stop()
	const fill = `const fill = (at, text) => { const e = document.querySelector(at); e.value = text; e.dispatchEvent(new Event("input", { bubbles: true })); };`
	raw, err := p.browser.Evaluate(ctx, fmt.Sprintf("(() => { %s return %s; })()", fill, script))
	require.NoError(p, err, script)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func (p testPage) do(script string, args ...any) {
	p.Helper()
	p.value("(() => {" + fmt.Sprintf(script, args...) + "})() ?? 0")
}

func (p testPage) text(at string) string {
	p.Helper()
	return p.value(fmt.Sprintf("document.querySelector(%q).textContent", at))
}

func (p testPage) until(condition string) {
	p.Helper()
	require.Eventually(p, func() bool { return p.value(condition) == "true" }, 30*time.Second, 50*time.Millisecond, condition)
}

// look keeps a picture among the test's artefacts.
func (p testPage) look(name string, l browsertest.Look) {
	p.Helper()
	png, err := p.browser.Screenshot(l)
	require.NoError(p, err)
	require.NoError(p, os.WriteFile(filepath.Join(p.ArtifactDir(), name+".png"), png, 0o644))
}

func (p testPage) browserSaidNothing() {
	p.Helper()
	require.Empty(p, p.browser.Said(), "nothing is printed, and the policy refuses nothing")
}
