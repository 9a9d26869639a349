package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"nextquill/wasm/guest"
	"nextquill/wasm/guest/guesttest"
	"nextquill/web/browsertest"
	"nextquill/web/bundle"
)

// policy is the strictest policy that the page supports. The header repeats the page's own policy,
// since that does not apply to workers.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; style-src 'self'; require-trusted-types-for 'script'; trusted-types nextquill nextquill-page"

// built is the site without its guest. It is built once.
var built = sync.OnceValues(func() (*site, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return nil, err
	}
	s := newSite(root)
	s.addHashed("nextquill.wasm", []byte("\x00asm\x01\x00\x00\x00")) // any module: nothing runs it
	imports, err := guesttest.LoadImport()
	if err != nil {
		return nil, err
	}
	s.addImport(imports)
	return s, stages(s)
})

// completeSite is the site with the guest that NEXTQUILL_WASM names, or with a new build. It is
// built once.
var completeSite = sync.OnceValues(func() (*site, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return nil, err
	}
	wasm, err := guesttest.LoadShips()
	if err != nil {
		return nil, err
	}
	imports, err := guesttest.LoadImport()
	if err != nil {
		return nil, err
	}
	s := newSite(root)
	s.addGuest(wasm)
	s.addImport(imports)
	return s, stages(s)
})

// complete returns a copy of completeSite, to which a test may add files.
func complete(t *testing.T) *site {
	t.Helper()
	s, err := completeSite()
	require.NoError(t, err)
	one := *s
	one.files = maps.Clone(s.files)
	return &one
}

func stages(s *site) error {
	for _, stage := range []func() error{func() error { return s.model(context.Background()) }, s.sample, s.scripts} {
		if err := stage(); err != nil {
			return err
		}
	}
	return nil
}

// received are the requests to the server.
type received struct {
	mu       sync.Mutex
	requests []browsertest.Request
}

func (r *received) all() []browsertest.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]browsertest.Request{}, r.requests...)
}

// serveSite serves a site below some/folder/, with the policy or, as hosts of static pages do,
// without a header.
func serveSite(t *testing.T, s *site, policy string) (*httptest.Server, *received) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range s.files {
		require.NoError(t, put(filepath.Join(dir, "some", "folder", filepath.FromSlash(name)), data))
	}
	var got received
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" { // browsers request it if a page names no icon
			w.WriteHeader(http.StatusNoContent)
			return
		}
		body, _ := io.ReadAll(r.Body)
		header, _ := json.Marshal(r.Header)
		request := browsertest.Request{
			From: "server", Method: r.Method, URL: r.URL.String(), Params: string(header), Body: body,
		}
		got.mu.Lock()
		got.requests = append(got.requests, request)
		got.mu.Unlock()
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server, &got
}

// testPage is a page of the site.
type testPage struct {
	*testing.T
	browser *browsertest.Browser
	firefox *browsertest.Firefox // instead of browser: takes scripts, but no input
	server  *httptest.Server
	got     *received
}

func (p testPage) page() browsertest.Page {
	if p.firefox != nil {
		return p.firefox
	}
	return p.browser
}

// openChromium starts Chromium, whose pages have the functions of probe.ts.
func (p *testPage) openChromium() {
	p.Helper()
	var err error
	p.browser, err = browsertest.Open(p.Context(), "about:blank")
	require.NoError(p, err)
	p.Cleanup(p.browser.Close)
	p.addProbe()
}

func (p testPage) addProbe() {
	p.Helper()
	script, err := probe()
	require.NoError(p, err)
	require.NoError(p, p.page().AddInitScript(script))
}

// openPage opens the page without a guest.
func openPage(t *testing.T) testPage { return openPageAfter(t, "") }

// openPageAfter opens the page without a guest, and runs a script before those of the page.
func openPageAfter(t *testing.T, script string) testPage {
	t.Helper()
	s, err := built()
	require.NoError(t, err)
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, "")
	p.openChromium()
	require.NoError(t, p.browser.AddInitScript(script))
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	return p
}

// visit loads a path of the server.
func (p testPage) visit(path string) {
	p.Helper()
	p.do(`setTimeout(() => location.href = %q)`, p.server.URL+path)
}

// probe is the script of web/page/tests/probe.ts, whose functions the one-line scripts below call.
var probe = sync.OnceValues(func() (string, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return "", err
	}
	script, err := bundle.MakeTest(root, "web/page/tests/probe.ts", true)
	return string(script.JS), err
})

// value returns the value of an expression in JSON; strings come without quotes.
func (p testPage) value(script string) string {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), 30*time.Second)
	defer stop()
	raw, err := p.page().Evaluate(ctx, script)
	require.NoError(p, err, script)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// do runs statements.
func (p testPage) do(script string, args ...any) {
	p.Helper()
	p.value("(() => {" + fmt.Sprintf(script, args...) + "})() ?? 0")
}

// text returns the text of an element.
func (p testPage) text(at string) string {
	p.Helper()
	return p.value(fmt.Sprintf("document.querySelector(%q).textContent", at))
}

// until waits until a condition holds.
func (p testPage) until(condition string) {
	p.Helper()
	p.untilFor(30*time.Second, condition)
}

func (p testPage) untilFor(patience time.Duration, condition string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), patience)
	defer stop()
	for {
		raw, err := p.page().Evaluate(ctx, condition) // fails between two documents
		if err == nil && string(raw) == "true" {
			return
		}
		if ctx.Err() != nil {
			require.Fail(
				p,
				"the condition does not become true",
				"%s\n%v; the page says %q",
				condition,
				err,
				p.value(`document.querySelector("#alert")?.textContent ?? ""`),
			)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tabTo presses the tab key until an element has the focus.
func (p testPage) tabTo(at string) {
	p.Helper()
	var passed []string
	for range 80 {
		require.NoError(p, p.browser.TypeKeys(kb.Tab))
		where := p.value(fmt.Sprintf(`probe.describeFocus(%q)`, at))
		if where[0] == '*' {
			return
		}
		passed = append(passed, where)
	}
	require.Fail(p, "the tab key does not reach the element", "%s; it passes %q", at, passed)
}

// press moves to a button with the tab key, and presses it.
func (p testPage) press(at string) {
	p.Helper()
	p.tabTo(at)
	require.NoError(p, p.browser.TypeKeys(kb.Enter))
}

// viewports are those in which each state of the page is checked.
var viewports = []struct {
	name     string
	viewport browsertest.Viewport
}{
	{"phone", browsertest.Viewport{Width: 390, Height: 844, Phone: true}},
	{"dark", browsertest.Viewport{Width: 1280, Height: 900, Dark: true}},
	{"desktop", browsertest.Viewport{Width: 1280, Height: 900}},
}

// checkLayout checks the page as it is in each viewport: accessibility, no horizontal scrolling,
// and the size of controls. It saves screenshots among the test's artifacts.
func (p testPage) checkLayout(state string) {
	p.Helper()
	p.checkLayoutOf(state, "html")
}

// checkLayoutOf is checkLayout with the accessibility of a part of the page only.
func (p testPage) checkLayoutOf(state, part string) {
	p.Helper()
	for _, l := range viewports {
		require.NoError(p, p.browser.SetViewport(l.viewport))
		require.Equal(
			p,
			"true",
			p.value(`document.documentElement.scrollWidth <= innerWidth`),
			"%s: the page scrolls sideways",
			l.name,
		)
		png, err := p.browser.Screenshot(p.value(`document.querySelector("dialog[open]") === null`) == "true")
		require.NoError(p, err)
		require.NoError(p, os.WriteFile(filepath.Join(p.ArtifactDir(), state+"-"+l.name+".png"), png, 0o644))
		p.checkAccessibility(part, state+" "+l.name)
		if l.viewport.Phone {
			require.Equal(p, "[]", p.value(`probe.lowControls()`), state)
		}
	}
}

func (p testPage) checkAccessibility(part string, state ...any) {
	p.Helper()
	violations, err := p.browser.AxeViolations(part)
	require.NoError(p, err)
	require.Empty(p, violations, state...)
}

// drop drops files on the area for them.
func (p testPage) drop(files ...string) {
	p.Helper()
	var at struct{ X, Y float64 }
	require.NoError(p, json.Unmarshal([]byte(p.value(`probe.dropPoint()`)), &at))
	require.NoError(p, p.browser.DropFiles(at.X, at.Y, files...))
}

// checkNoMarkup fails if text of a person or a model has become markup.
func (p testPage) checkNoMarkup() {
	p.Helper()
	require.Equal(p, "0", p.value(`probe.markup().length`))
	require.Equal(p, "NextQuill", p.value(`document.title`))
}

// checkNoMessages fails if the page has printed anything, or if its policy has blocked anything.
func (p testPage) checkNoMessages() {
	p.Helper()
	require.Empty(p, p.browser.TakeMessages())
}
