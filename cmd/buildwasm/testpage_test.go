package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
)

// policy is the strictest that the page works under. The header says the same as the page itself, for what the page does not
// speak for: its workers.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; style-src 'self'; require-trusted-types-for 'script'; trusted-types nextquill nextquill-page"

// built is the site without its guest, made once.
var built = sync.OnceValues(func() (*site, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return nil, err
	}
	s := newSite(root)
	s.addHashed("nextquill.wasm", []byte("\x00asm\x01\x00\x00\x00")) // any module does where nothing runs it
	return s, stages(s)
})

// whole is the site with the guest that NEXTQUILL_WASM names, as all tests that run the guest take it.
func whole(t *testing.T) (*site, []byte) {
	t.Helper()
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	name := os.Getenv(host.GuestVariable)
	if name == "" {
		name = filepath.Join(t.TempDir(), "nextquill.wasm")
		require.NoError(t, guest.Build(t.Context(), guest.Ships, name, os.Stderr))
	}
	s := newSite(root)
	require.NoError(t, s.guest(name))
	require.NoError(t, stages(s))
	wasm, err := host.LoadGuest(name)
	require.NoError(t, err)
	return s, wasm
}

func stages(s *site) error {
	for _, stage := range []func() error{func() error { return s.model(context.Background()) }, s.sample, s.scripts} {
		if err := stage(); err != nil {
			return err
		}
	}
	return nil
}

// received is what reached the server.
type received struct {
	mu       sync.Mutex
	requests []browsertest.Request
}

func (r *received) all() []browsertest.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]browsertest.Request{}, r.requests...)
}

// serveSite serves a site from some/folder/, with the policy or, as hosts of static pages do, without a header.
func serveSite(t *testing.T, s *site, policy string) (*httptest.Server, *received) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range s.files {
		require.NoError(t, put(filepath.Join(dir, "some", "folder", filepath.FromSlash(name)), data))
	}
	var got received
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" { // browsers ask for it where a page names none
			w.WriteHeader(http.StatusNoContent)
			return
		}
		body, _ := io.ReadAll(r.Body)
		header, _ := json.Marshal(r.Header)
		got.mu.Lock()
		got.requests = append(got.requests, browsertest.Request{From: "server", Method: r.Method, URL: r.URL.String(), Sent: string(header), Body: body})
		got.mu.Unlock()
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server, &got
}

type testPage struct {
	*testing.T
	browser *browsertest.Browser
	firefox *browsertest.Firefox // instead; then scripts are all that the page is driven by
	server  *httptest.Server
	got     *received
}

func (p testPage) evaluate(ctx context.Context, script string) (json.RawMessage, error) {
	if p.firefox != nil {
		return p.firefox.Evaluate(ctx, script)
	}
	return p.browser.Evaluate(ctx, script)
}

// openPage opens the page without a guest.
func openPage(t *testing.T) testPage { return openPageAfter(t, "") }

// openPageAfter runs a script before those of the page.
func openPageAfter(t *testing.T, script string) testPage {
	t.Helper()
	s, err := built()
	require.NoError(t, err)
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, "")
	p.browser, err = browsertest.Open(t.Context(), "about:blank")
	require.NoError(t, err)
	t.Cleanup(p.browser.Close)
	require.NoError(t, p.browser.Before(script))
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	return p
}

func (p testPage) visit(path string) {
	p.Helper()
	p.do(`setTimeout(() => location.href = %q)`, p.server.URL+path)
}

const tools = `
	const fill = (at, text) => { const e = document.querySelector(at); e.value = text; e.dispatchEvent(new Event("input", { bubbles: true })); };
	const shown = (at) => { const e = document.querySelector(at); return e !== null && e.checkVisibility() && !e.disabled; };`

func expression(script string) string {
	return fmt.Sprintf("(() => { %s return %s; })()", tools, script)
}

// value is a script's value in JSON; strings come without quotes.
func (p testPage) value(script string) string {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), 30*time.Second)
	defer stop()
	raw, err := p.evaluate(ctx, expression(script))
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
	p.untilFor(30*time.Second, condition)
}

func (p testPage) untilFor(patience time.Duration, condition string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Context(), patience)
	defer stop()
	for {
		raw, err := p.evaluate(ctx, expression(condition)) // it fails in the moment between two documents
		if err == nil && string(raw) == "true" {
			return
		}
		if ctx.Err() != nil {
			require.Fail(p, "it does not come true", "%s\n%v; the page says %q", condition, err, p.value(`document.querySelector("#alert")?.textContent ?? ""`))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tabTo goes on with the tab key until the focus is where it should be.
func (p testPage) tabTo(at string) {
	p.Helper()
	var passed []string
	for range 80 {
		require.NoError(p, p.browser.Press(kb.Tab))
		where := p.value(fmt.Sprintf(`(document.activeElement.matches(%q) ? "*" : "") + (document.activeElement.id || document.activeElement.textContent || document.activeElement.localName)`, at))
		if where[0] == '*' {
			return
		}
		passed = append(passed, where)
	}
	require.Fail(p, "the tab key does not lead there", "%s; it passes %q", at, passed)
}

// press goes to a button with the tab key, and presses it.
func (p testPage) press(at string) {
	p.Helper()
	p.tabTo(at)
	require.NoError(p, p.browser.Press(kb.Enter))
}

// looks are how each state of the page is looked at.
var looks = []struct {
	name string
	look browsertest.Look
}{
	{"phone", browsertest.Look{Width: 390, Height: 844, Phone: true}},
	{"dark", browsertest.Look{Width: 1280, Height: 900, Dark: true}},
	{"desktop", browsertest.Look{Width: 1280, Height: 900}},
}

// lookAt keeps pictures of the page as it is among the test's artefacts, and looks for barriers in each.
func (p testPage) lookAt(state string) {
	p.Helper()
	p.lookAtPart(state, "html")
}

// lookAtPart looks for barriers in a part of the page only.
func (p testPage) lookAtPart(state, part string) {
	p.Helper()
	for _, l := range looks {
		require.NoError(p, p.browser.LookAs(l.look))
		require.Equal(p, "true", p.value(`document.documentElement.scrollWidth <= innerWidth`), "%s: the page scrolls one way", l.name)
		png, err := p.browser.Screenshot(p.value(`document.querySelector("dialog[open]") === null`) == "true")
		require.NoError(p, err)
		require.NoError(p, os.WriteFile(filepath.Join(p.ArtifactDir(), state+"-"+l.name+".png"), png, 0o644))
		p.noBarriers(part, state+" "+l.name)
		if l.look.Phone {
			p.fitsFingers(state)
		}
	}
}

// fitsFingers looks for what is too low to be hit with a finger. Links in a sentence and tokens in a text are as high as their line.
func (p testPage) fitsFingers(state string) {
	p.Helper()
	require.Equal(p, "[]", p.value(`[document, ...[...document.querySelectorAll("next-quill")].map((e) => e.shadowRoot)]
		.flatMap((root) => [...root.querySelectorAll("button, summary, input:not(.sr), select, textarea, label.link")])
		.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
		.map((e) => (e.id || e.textContent || e.className || e.localName) + ": " + e.getBoundingClientRect().height)`), state)
}

func (p testPage) noBarriers(part string, state ...any) {
	p.Helper()
	violations, err := p.browser.Violations(part)
	require.NoError(p, err)
	require.Empty(p, violations, state...)
}

// drop lets files fall on the place that is for them.
func (p testPage) drop(files ...string) {
	p.Helper()
	p.do(`document.querySelector("#drop").scrollIntoView({ behavior: "instant", block: "center" })`)
	var at struct{ X, Y float64 }
	require.NoError(p, json.Unmarshal([]byte(p.value(`(({ x, y }) => ({ x: x + 5, y: y + 5 }))(document.querySelector("#drop").getBoundingClientRect())`)), &at))
	require.NoError(p, p.browser.Drop(at.X, at.Y, files...))
}

// textIsText fails when anything that a person or a model wrote became markup.
func (p testPage) textIsText() {
	p.Helper()
	require.Equal(p, "0", p.value(`document.querySelectorAll("img, iframe, object, body script, #items b, #history-note b, #alert b, #passage :is(b + b), #drafts b").length`))
	require.Equal(p, "NextQuill", p.value(`document.title`))
}

func (p testPage) browserSaidNothing() {
	p.Helper()
	require.Empty(p, p.browser.Said(), "nothing is printed, and the policy refuses nothing")
}
