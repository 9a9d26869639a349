package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	edge "nextquill/edge/site"
	"nextquill/wasm/guest"
	"nextquill/web/browsertest"
)

// TestPage uses the page without a model, in a folder of a host that sends no headers.
func TestPage(t *testing.T) {
	p := openPage(t)
	require.NotContains(t, p.text("#gpu"), "Looking")

	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.Contains(t, p.text("#history-note"), "160 texts added")
	require.Regexp(t, `^1 request since this page loaded. Latest: assets/bierce-[0-9a-f]+\.jsonl$`, p.text("#requests"))
	require.Equal(t, "Learn from 160 texts (4.3 MB download)", p.text("#train-start"), "the button says what it costs")
	require.Equal(t, "Next: learn from your 160 texts.", p.text("#next"))
	require.Equal(t, "train", p.value(`document.body.dataset.step`))
	require.Equal(t, "true", p.value(`document.querySelector("#train-start").matches(".primary:enabled")`))
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/160 already here/.test(document.querySelector("#history-note").textContent)`)

	p.do(`fill("#search", "bereavement")`)
	require.Equal(t, "1 of 160 texts", p.text("#count"))
	require.Equal(t, "bereavement", p.text("#items mark"))
	p.do(`fill("#search", "")`)

	p.checkTabOrder()
	p.do(`document.querySelector("#items .tools button").click()`)
	require.Equal(t, "TEXTAREA", p.value(`document.activeElement.tagName`))
	p.checkAccessibility("html", "a text is edited")
	require.NoError(t, p.browser.TypeKeys(kb.Escape))
	p.until(`document.querySelector("#items form") === null`)
	p.checkNoMessages()
}

// checkTabOrder moves through the page with the tab key. The controls come in the order of use.
func (p testPage) checkTabOrder() {
	p.Helper()
	p.do(`document.activeElement.blur(); getSelection().collapse(document.body, 0)`)
	for _, at := range []string{
		".skip", "#example-text .t", "#example summary", "#steps ol a", "#next",
		"#add .fields input", "#add textarea", "#add [type=submit]", "#files", "#folder", "#sample",
		"#search", "#items button", "#more", "#train-start", "#train summary", "#write .fields input", "#write-start",
		"#write summary", "#explain .fields input", "#explain textarea", "#explain-start", "#explain-own",
		"#export-history", "#forget", "footer a",
	} {
		p.tabTo(at)
		require.NotEqual(p, "none", p.value(`probe.focusOutline()`), "%s: the focus is visible", at)
	}
}

// TestPageTakesTextAsText adds texts with markup and checks that they stay text.
func TestPageTakesTextAsText(t *testing.T) {
	p := openPage(t)
	hostile := `<img src=x onerror="document.title='bad'"><script>document.title='bad'</script>`
	p.do(
		`fill("#add textarea", %q); fill("#add .fields input", %q); document.querySelector("#add").requestSubmit()`,
		hostile,
		`<b>word</b>`,
	)
	p.until(`document.querySelectorAll("#items li").length === 1`)
	require.Equal(t, hostile, p.text("#items .text"))
	require.Equal(t, "<b>word</b>", p.text("#items dfn"))
	require.Equal(t, "0", p.value(`document.querySelectorAll("#items :is(img, script, b)").length`))

	p.do(`probe.editFirstText("edited")`)
	p.until(`document.querySelector("#items .text")?.textContent === "edited"`)
	p.do(`document.querySelectorAll("#items .tools button")[1].click()`)
	p.until(`document.querySelector("#shelf").hidden`)
	require.Equal(
		t,
		"true",
		p.value(`document.activeElement.matches("#add textarea")`),
		"the button that had the focus is gone",
	)
	p.do(`document.querySelector("#history-note button").focus(); document.activeElement.click()`)
	p.until(`document.querySelector("#items .text")?.textContent === "edited"`)
	p.until(`document.activeElement.matches("#add textarea")`)

	require.Equal(t, "NextQuill", p.value(`document.title`))
	require.Equal(t, "0", p.value(`document.querySelector("#requests").dataset.count`), "typed texts cause no request")
	p.checkNoMessages()
}

// TestPageSaysWhatIsWrong shows an error in the visible part of the page until the person closes
// it.
func TestPageSaysWhatIsWrong(t *testing.T) {
	p := openPage(t)
	p.do(`fill("#add textarea", "a text"); document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelectorAll("#items li").length === 1`)
	p.do(`probe.editFirstText(" ")`)
	p.until(`shown("#alert")`)
	require.Equal(t, "The item has no text.\nRemove it, or give it a text.", p.text("#alert p"))
	p.do(`scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" })`)
	require.Equal(t, "true", p.value(`scrollY > 200 && probe.isInWindow("#alert")`))
	p.checkLayout("wrong")
	p.do(`document.querySelector("#alert button").click()`)
	require.Equal(t, "true", p.value(`document.querySelector("#alert").hidden`))
	p.checkNoMessages()
}

// TestPageTakesEveryFormat drops a file of each format, all of them with markup.
func TestPageTakesEveryFormat(t *testing.T) {
	p := openPage(t)
	const bad = `<img src=x onerror="document.title='bad'">`
	dir := t.TempDir()
	var names []string
	for name, text := range map[string]string{
		"a.jsonl": `{"context":{"<i>to</i>":"<b>Ann</b>"},"text":"json <b>` + strings.ReplaceAll(bad, `"`, `\"`) +
			"\"}\n{\"text\":\"<b>\",\"time\":\"<b>never</b>\"}\n",
		"b.csv": "text,subject\n\"csv " + strings.ReplaceAll(bad, `"`, `""`) + "\",<b>subject</b>\n",
		"c.txt": "txt " + bad + "\n",
		"d.md":  "---\ntitle: <b>title</b>\n---\nmd " + bad + "\n",
		"e.eml": "From: a@example.org\nTo: <b>Ann</b> <ann@example.org>\nSubject: <b>mail</b>\n" +
			"Date: Fri, 17 May 2024 12:00:00 +0200\n\neml " + bad + "\n",
		"f.mbox": "From a@example.org Fri May 17 10:00:00 2024\nFrom: a@example.org\nSubject: <b>box</b>\n" +
			"Date: Fri, 17 May 2024 12:00:00 +0200\n\nmbox " + bad + "\n",
		bad[:9] + ".exe": "\x00\x01",
	} {
		names = append(names, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(names[len(names)-1], []byte(text), 0o644))
	}
	p.drop(names...)

	p.until(`shown("#import .primary")`)
	require.Equal(t, "Add 7 texts", p.text("#import .primary"))
	require.Contains(t, p.text("#import .failed"), "<img src")
	require.Contains(t, p.text("#import"), "Added with a change: 1") // a time that is none
	p.checkNoMarkup()
	p.do(`document.querySelector("#import .primary").click()`)
	p.until(`document.querySelector("#count").textContent === "7 texts"`)
	p.until(`/7 texts added/.test(document.querySelector("#history-note").textContent)`)
	p.do(`document.querySelector("#more").click()`)
	for _, format := range []string{"json", "csv", "txt", "md", "eml", "mbox"} {
		require.Equal(
			t,
			"true",
			p.value(
				`[...document.querySelectorAll("#items .text")].some((e) => e.textContent.startsWith("`+format+` <"))`,
			),
			format,
		)
	}
	p.checkNoMarkup()

	p.checkNoMessages()
}

// TestPageWithoutGPU checks that the page says so, and that texts can still be collected.
func TestPageWithoutGPU(t *testing.T) {
	p := openPageAfter(t, `delete Navigator.prototype.gpu`)
	require.Regexp(t, `^This browser gives pages no graphics card .+ Use a current .+ You can still`, p.text("#gpu"))
	require.Contains(t, p.text("#next"), "The model cannot run here.")
	for _, section := range []string{"write-unavailable", "explain-unavailable"} {
		require.Equal(t, "Needs a graphics card.", p.text("#"+section))
	}
	require.Equal(t, "Learn", p.text("#train-start"), "nothing is downloaded")
	p.do(`fill("#add textarea", "kept"); document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelectorAll("#items li").length === 1 && shown("#export-history")`)
	p.checkLayout("no-gpu")
	p.checkNoMessages()
}

// TestPageForgets deletes the texts and the cached site, and checks that the browser stores none of
// them.
func TestPageForgets(t *testing.T) {
	p := openPage(t)
	p.do(`document.querySelector("#sample").click()`)
	p.until(`/^160 texts/.test(document.querySelector("#count").textContent)`)
	require.Greater(t, caches(p), 50_000)
	p.do(`document.querySelector("#forget").click(); document.querySelector("#sure [value=yes]").click()`)
	p.until(`/nothing is left/.test(document.querySelector("#data-note").textContent)`)
	require.Zero(t, caches(p))
	require.Equal(t, "[[],[],0]", p.value(`Promise.all([caches.keys(), indexedDB.databases(), localStorage.length])`))
	p.checkNoMessages()
}

// TestPageForgetsInAllTabs deletes everything in one of two tabs. The other one shows that: no
// texts, no draft, no explained text, no offer to restore a text, no files that wait to be added.
func TestPageForgetsInAllTabs(t *testing.T) {
	p := openPage(t)
	tab, err := p.browser.OpenTab("about:blank")
	require.NoError(t, err)
	defer tab.Close()
	other := testPage{T: t, browser: tab, server: p.server}
	other.addProbe()
	other.visit("/some/folder/")
	other.until(`document.documentElement.dataset.settled === "true"`)

	p.do(`document.querySelector("#sample").click()`)
	other.until(`document.querySelector("#count").textContent === "160 texts"`) // added in the first tab
	other.do(`document.querySelectorAll("#items .tools button")[1].click()`)
	other.until(`/Undo/.test(document.querySelector("#history-note").textContent)`)
	p.until(`document.querySelector("#count").textContent === "159 texts"`)
	other.do(`document.querySelector("#items .tools button").click()`) // edits a text
	other.do(`probe.choose(["a.txt", "one"])`)
	other.until(`shown("#import .primary")`)
	other.do(`probe.showResults("a draft", "an explained text")`)

	p.do(`document.querySelector("#forget").click(); document.querySelector("#sure [value=yes]").click()`)
	p.until(`/nothing is left/.test(document.querySelector("#data-note").textContent)`)
	other.until(`document.querySelector("#items li") === null && document.querySelector("#shelf").hidden`)
	require.Contains(t, other.text("#alert"), "Another tab of this page has deleted everything.")
	for _, hidden := range []string{"#import", "#drafts", "#passage"} {
		require.Equal(t, "false", other.value(`shown("`+hidden+`")`), hidden)
	}
	require.Empty(t, other.text("#history-note"))
	require.NotContains(t, other.text("main"), "a draft")
	require.NotContains(t, other.text("main"), "an explained text")
	require.Equal(t, `""`, p.value(`JSON.stringify(document.querySelector("#explain textarea").value)`))
	require.Equal(t, "[]", other.value(`indexedDB.databases()`), "the other tab does not create it again")

	other.do(`fill("#add textarea", "a new start"); document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelector("#count").textContent === "1 text"`)
	p.checkNoMessages()
	other.checkNoMessages()
}

// TestPageSplitsPastedText pastes several texts into a field in which the user has typed. What was
// typed stays.
func TestPageSplitsPastedText(t *testing.T) {
	p := openPage(t)
	p.do(`fill("#add textarea", "My own start. ")`)
	p.do(`probe.paste("#add textarea", "one\r\n\r\n<b>two</b>\n\nthree", "My own end.")`)
	require.Equal(t, "Add as 3 texts, one per paragraph", p.text("#history-note button"))
	p.do(`for (let n = 0; n < 2; n++) document.querySelector("#history-note button").click()`)
	p.until(`document.querySelector("#count").textContent === "3 texts"`)
	require.Equal(t, "My own start. My own end.", p.value(`document.querySelector("#add textarea").value`))
	p.do(`document.querySelector("#add").requestSubmit()`)
	p.until(`document.querySelector("#count").textContent === "4 texts"`)
	p.checkNoMarkup()
	p.checkNoMessages()
}

// caches is the size of the service worker's caches in bytes.
func caches(p testPage) (n int) {
	p.Helper()
	require.NoError(
		p,
		json.Unmarshal(
			[]byte(p.value(`navigator.storage.estimate().then(({ usageDetails }) => usageDetails.caches ?? 0)`)),
			&n,
		),
	)
	return n
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

// TestPolicyIsEverywhereTheSame compares the policies of the pages with those of the test server
// and of `nextquill serve`. Headers forbid frames too, which a page cannot do itself.
func TestPolicyIsEverywhereTheSame(t *testing.T) {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	own := func(name string) string {
		html, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		found := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(html)
		require.NotNil(t, found)
		return string(found[1])
	}
	page := strings.Replace(browsertest.Policy, "trusted-types nextquill", "trusted-types nextquill nextquill-page", 1)
	require.Equal(t, page, own("index.html"))
	for name, file := range map[string]string{"index.html": "index.html", "download.html": "web/page/download.html"} {
		require.Equal(t, strings.Replace(edge.PolicyOf(name), "frame-ancestors 'none'; ", "", 1), own(file))
	}
}
