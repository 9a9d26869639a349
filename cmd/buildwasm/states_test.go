package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// TestPageExample points at words of the example, and moves through them by keyboard. The example
// is in the document before a script runs.
func TestPageExample(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	html := string(s.files["index.html"])
	require.Contains(t, html, `class="passage"`)
	require.Contains(t, html, "go run ./cmd/pageexample", "it says which run made it")

	p := openPage(t)
	for _, l := range viewports {
		require.NoError(t, p.browser.SetViewport(l.viewport))
		require.Equal(t, "true", p.value(`probe.isInWindow("#example-text")`), "%s: it is visible at once", l.name)
	}
	first := p.text("#example-word")
	require.Regexp(t, `^\S+: [0-9.]+ % likely after these earlier texts, [<0-9. ]+ % without them\.`, first)
	p.do(`document.querySelectorAll("#example-text .t")[1].dispatchEvent(new PointerEvent("pointerenter"))`)
	second := p.text("#example-word")
	require.NotEqual(t, first, second)
	require.Equal(t, "1", p.value(`document.querySelectorAll("#example-text .on").length`))
	factors := p.value(`[...document.querySelectorAll("#example-about li span:first-child")].map((e) => e.textContent)`)
	p.do(`document.querySelector("#example-text .t").focus()`)
	require.NoError(t, p.browser.TypeKeys(kb.End))
	require.NotEqual(t, second, p.text("#example-word"))
	require.NotEqual(t, factors,
		p.value(`[...document.querySelectorAll("#example-about li span:first-child")].map((e) => e.textContent)`))
	require.Equal(t, "true", p.value(`document.activeElement.matches("#example-text .t:last-child.on")`))
	require.Regexp(t, `^[0-9]`, p.text("#example-about li span"))
	p.checkNoMessages()
}

// TestPageIsPlain checks that terms of the method are used in details only, in each language.
func TestPageIsPlain(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	html := string(s.files["index.html"])
	body := html[strings.Index(html, "<main>"):]
	body = regexp.MustCompile(`(?s)<details.*?</details>`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	require.Contains(t, body, "Learn from your texts")
	require.NotRegexp(t, technical, body)

	p := openPage(t)
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.NotRegexp(t, technical, p.value(`document.body.innerText`))
	p.do(`document.querySelector("#language").click()`)
	p.until(`document.documentElement.lang === "de" && document.documentElement.dataset.settled === "true"`)
	require.NotRegexp(t, technical, p.value(`document.body.innerText`))
	p.checkNoMessages()
}

var technical = regexp.MustCompile(`(?i)\b(nats?|peft|adapters?|tokens?|loss|lora|fine-?tun\w+|dce|epochs?)\b`)

// TestPageWaitsForNoGPU opens the page where the browser never answers the request for a graphics
// card. The page works meanwhile, and says so after a time.
func TestPageWaitsForNoGPU(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, "")
	p.openChromium()
	require.NoError(t, p.browser.AddInitScript(`GPU.prototype.requestAdapter = () => new Promise(() => {})`))
	p.visit("/some/folder/")
	p.until(`document.querySelector("#write-unavailable")?.textContent === "Looking for a graphics card…"`)
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.Equal(t, "true", p.value(`document.querySelector("#train-start").disabled`))
	p.until(`document.documentElement.dataset.settled === "true"`)
	require.Regexp(t, `^The graphics card does not answer\. Reload .* You can still collect`, p.text("#gpu"))
	require.Equal(t, "Needs a graphics card.", p.text("#write-unavailable"))
	p.checkNoMessages()
}

// TestPageAtZoomAndFromRightToLeft shows the page at a zoom of 200 % and 400 %, and laid out from
// right to left.
func TestPageAtZoomAndFromRightToLeft(t *testing.T) {
	p := openPage(t)
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	p.do(`for (const details of document.querySelectorAll("details")) details.open = true`)
	for name, viewport := range map[string]browsertest.Viewport{
		"zoom": {Width: 640, Height: 450}, "zoom400": {Width: 320, Height: 256}, "rtl": {Width: 1280, Height: 900},
		"rtl-phone": {Width: 390, Height: 844, Phone: true},
	} {
		require.NoError(t, p.browser.SetViewport(viewport))
		dir := "ltr"
		if name[:3] == "rtl" {
			dir = "rtl"
		}
		p.do(`document.documentElement.dir = %q`, dir)
		fits := p.value(`document.documentElement.scrollWidth <= innerWidth`)
		require.Equal(t, "true", fits, "%s: it scrolls sideways", name)
		png, err := p.browser.Screenshot(true)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o644))
		p.checkAccessibility("html", name)
		// What has the focus is not behind the line of steps.
		for _, at := range []string{"#add textarea", "#search", "#epochs", "#write-start", "#forget"} {
			p.do(`document.querySelector(%q).focus()`, at)
			uncovered := p.value(`probe.isUncovered(document.activeElement)`)
			require.Equal(t, "true", uncovered, "%s: %s is covered", name, at)
		}
	}
	p.checkNoMessages()
}

// TestPageWithoutStorage opens the page in a Chromium that lets no page store data. The page says
// so, and works until it is closed.
func TestPageWithoutStorage(t *testing.T) {
	s, err := built()
	require.NoError(t, err)
	p := testPage{T: t}
	p.server, p.got = serveSite(t, s, "")
	p.browser, err = browsertest.OpenWithoutStorage(t.Context(), "about:blank")
	require.NoError(t, err)
	t.Cleanup(p.browser.Close)
	p.addProbe()
	p.visit("/some/folder/")
	p.until(`document.documentElement.dataset.settled === "true"`)
	require.Contains(t, p.text("#history .alert"), "This browser does not let this page store data.")
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.Equal(t, "true", p.value(`document.querySelector("#train-start").matches(".primary:enabled")`))
	require.Equal(t, "true", p.value(`document.querySelector("#alert").hidden`))
	p.checkLayout("no-storage")
}
