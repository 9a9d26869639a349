package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/models"
	"nextquill/samples"
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
)

// canary stands in a text of the history, and must stand in nothing that leaves the browser.
const canary = "Kanarienvogel-7719"

// The person has so many texts of the sample writer's besides two of their own; what they learnt is tested on so many others.
const (
	journeyTexts  = 9
	journeyTested = 4
)

// TestJourney goes the whole way with a person who has a keyboard, in Chromium with its default flags and under the page's
// strictest policy: from the first visit over learning, writing and explaining to the adapter on their disk, which headless
// does the same as in the browser. On the way it looks for requests, blocked main threads, and barriers.
func TestJourney(t *testing.T) {
	s, wasm := whole(t)
	s.add("evaluate.html", []byte(evaluatePage))
	s.add("evaluate.js", []byte(`import * as module from "./lib/nextquill.js"; globalThis.module = module;`))
	server, got := serveSite(t, s, policy)
	b, err := browsertest.Open(t.Context(), "about:blank")
	require.NoError(t, err)
	t.Cleanup(b.Close)
	record, err := b.RecordNetwork(t.Context())
	require.NoError(t, err)
	t.Cleanup(record.Close)
	j := &journey{testPage: testPage{T: t, browser: b, server: server}, wasm: wasm, record: record, got: got, saved: t.TempDir()}
	require.NoError(t, b.SetDownloadDir(j.saved))
	j.visit()
	j.fetchModel()
	j.quiet()
	j.addTexts()
	j.writePlain()
	j.learnWriteExplain()
	j.lookAt("3-explained")
	j.save()
	j.hostile()
	j.learnAgain()
	j.nothingLeft()
	j.plant()
	j.compare()
	j.forget()
	j.browserSaidNothing()
}

type journey struct {
	testPage
	wasm   []byte
	record *browsertest.NetworkRecord
	got    *received
	saved  string // folder of downloads

	asked, reached int // requests until the page was to be quiet, and when that was
	quietSince     time.Time
}

func (j *journey) visit() {
	began := time.Now()
	j.testPage.visit("/some/folder/")
	j.until(`document.documentElement.dataset.settled === "true"`)
	require.NotContains(j, j.text("#gpu"), "Looking")
	require.Regexp(j, `\d MB`, j.text("#costs"))
	require.Equal(j, "Add 4 texts or more first.", j.text("#learn-note"))
	j.lookAt("1-first-visit")
	j.Logf("first visit settled and looked at in %v", time.Since(began).Round(time.Millisecond))
}

func (j *journey) fetchModel() {
	began := time.Now()
	j.press("#fetch")
	j.untilFor(2*time.Minute, `shown("#write-start")`)
	j.Logf("model fetched and opened in %v", time.Since(began).Round(time.Millisecond))
}

// quiet waits until what loads has loaded. From here on there is to be no request.
func (j *journey) quiet() {
	for last := -1; last != len(j.got.all()); time.Sleep(1500 * time.Millisecond) { // the browser looks after its service worker a second later
		last = len(j.got.all())
	}
	requests, err := j.record.Requests()
	require.NoError(j, err)
	j.asked, j.reached, j.quietSince = len(requests), len(j.got.all()), time.Now()
	kinds := map[string]int{}
	for _, r := range requests {
		kinds[r.From]++
	}
	j.Logf("loading made %d requests of %v", j.reached, kinds)
	for _, kind := range []string{"page", "worker", "service_worker"} {
		require.Positive(j, kinds[kind], "requests of a %s are seen", kind)
	}
}

// addTexts drops a file whose name and content would be markup, and types one text.
func (j *journey) addTexts() {
	lines := strings.SplitAfter(readSample(j.T, "history.jsonl"), "\n")[:journeyTexts]
	hostile, err := json.Marshal(map[string]any{
		"context": map[string]string{"word": "<b>canary</b>", "part": "noun", "meaning": "<script>document.title='bad'</script>"},
		"text":    canary + `, a bird <img src=x onerror="document.title='bad'">that sings of gas.`, "time": "1912-01-01",
	})
	require.NoError(j, err)
	name := filepath.Join(j.T.TempDir(), `<img src=x onerror="document.title='bad'">.jsonl`)
	require.NoError(j, os.WriteFile(name, []byte(strings.Join(lines, "")+string(hostile)+"\n"), 0o644))
	j.drop(name)
	j.until(fmt.Sprintf(`document.querySelector("#count").textContent === "%d texts"`, journeyTexts+1))

	j.do(`document.querySelector("#fetch").scrollIntoView()`)
	j.tabTo("#add .fields input")
	require.NoError(j, j.browser.TypeKeys("novel"))
	j.tabTo("#add textarea")
	require.NoError(j, j.browser.TypeKeys("A short story padded."))
	j.press("#add [type=submit]")
	j.until(fmt.Sprintf(`document.querySelector("#count").textContent === "%d texts"`, journeyTexts+2))
	j.textIsText()
	j.lookAt("2-history")
}

// writePlain has a draft written before anything is learnt.
func (j *journey) writePlain() {
	began := time.Now()
	j.do(`fill("#write .fields input", "ambition"); document.querySelector("#write .fields input").focus()`)
	j.press("#write-start")
	j.until(`document.querySelector("#draft-plain").textContent !== "" || document.querySelector("#draft-you").textContent !== ""`)
	first := time.Since(began)
	j.untilFor(2*time.Minute, `shown("#write-start") && shown("#draft-copy")`)
	j.Logf("time to the first draft: its first words after %v, whole, with the plain one beside it, after %v",
		first.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	require.NotEmpty(j, j.text("#draft-plain"))
}

// learnWriteExplain does what takes long, and watches the main thread.
func (j *journey) learnWriteExplain() {
	j.do(`performance.mark("learning");
		globalThis.longTasks = [];
		new PerformanceObserver((list) => { for (const { duration, attribution } of list.getEntries()) longTasks.push({ duration, of: attribution.map((a) => a.containerType + " " + a.name).join() }); }).observe({ type: "longtask" });`)
	j.do(`globalThis.seen = { left: new Set(), pieces: 0 };
		new MutationObserver(() => seen.left.add(document.querySelector("#learn-left").textContent)).observe(document.querySelector("#learn-left"), { childList: true, characterData: true, subtree: true });
		new MutationObserver((all) => { seen.pieces += all.length; }).observe(document.querySelector("#draft-you"), { characterData: true, subtree: true });`)
	stop, err := j.browser.TraceMainThread(j.Context())
	require.NoError(j, err)
	began := time.Now()
	j.do(`document.querySelector("#learn details").open = true; fill("#epochs", "1"); document.querySelector("#search").focus()`)
	j.press("#learn-start")
	j.until(`shown("#learn-bar")`)
	require.Equal(j, "learn-cancel", j.value(`document.activeElement.id`), "the focus stays with the job")
	j.untilFor(4*time.Minute, `/Learnt|Stopped/.test(document.querySelector("#learn-stage").textContent)`)
	require.Contains(j, j.text("#learn-stage"), "Learnt", j.text("#alert"))
	learnt := time.Since(began)
	require.NotEqual(j, "0", j.value(`document.querySelectorAll("#charts path").length`))
	require.Equal(j, "true", j.value(`[...seen.left].some((text) => / left$/.test(text))`), "it says how long it will take")

	began = time.Now()
	j.do(`fill("#write .fields input", "ambition"); document.querySelector("#write .fields input").focus()`)
	j.tabTo("#steer")
	require.NoError(j, j.browser.TypeKeys(kb.ArrowRight+kb.ArrowRight))
	require.Equal(j, "0.2", j.text("#write output"))
	j.press("#write-start")
	j.until(`document.querySelector(".writing") !== null`)
	require.Equal(j, "0", j.value(`document.getAnimations().length`), "nothing moves for those who asked for that")
	j.untilFor(2*time.Minute, `shown("#write-start") && shown("#draft-explain")`)
	require.NotContains(j, []string{"0", "1"}, j.value(`seen.pieces`), "a draft comes piece by piece")
	j.Logf("time to the personalized draft: %v of learning from %d texts, then %v of writing, the plain one included",
		learnt.Round(time.Millisecond), journeyTexts+2, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	j.press("#draft-explain")
	j.untilFor(time.Minute, `/clearly yours/.test(document.querySelector("#explain-note").textContent)`)
	require.Equal(j, "true", j.value(`(({ textContent }) => textContent.startsWith(
		document.querySelectorAll("#passage .passage :is(.w2, .w3, .w4)").length + " of " + document.querySelectorAll("#passage .passage .t").length + " tokens"))(document.querySelector("#explain-note"))`),
		"%s: it counts the text, and not the key beside it", j.text("#explain-note"))
	j.Logf("explained in %v", time.Since(began).Round(time.Millisecond))

	ctx, cancel := context.WithTimeout(j.Context(), time.Minute)
	defer cancel()
	tasks, err := stop(ctx)
	require.NoError(j, err)
	wall, cpu := tasks.Longest()
	j.Logf("main thread while learning, writing, explaining: %d tasks, queued for %v in all; longest on the clock: %v; on the processor: %v; long tasks as the page sees them: %s",
		len(tasks.All), tasks.Queued.Round(time.Millisecond), wall, cpu, j.value(`longTasks`))
	require.Greater(j, tasks.Span, learnt, "the record has all of it")
	require.Empty(j, tasks.Blocking(50*time.Millisecond), "the page could not answer")

	j.tabTo("#passage .t")
	require.Contains(j, j.text("#passage .about"), "points")
	j.do(`document.querySelectorAll("#passage .t")[1].dispatchEvent(new PointerEvent("pointerenter"))`)
	require.Equal(j, "true", j.value(`document.querySelectorAll("#passage .t")[1].matches(".on")`))
	require.Regexp(j, `nats`, j.text("#passage .about"), "the texts that moved it")
	j.textIsText()
}

// save exports the adapter and the texts to the disk.
func (j *journey) save() {
	j.press("#export-adapter")
	j.until(`/adapter is exported/.test(document.querySelector("#data-note").textContent)`)
	require.Eventually(j, func() bool { return j.adapter() != nil }, 30*time.Second, 50*time.Millisecond)
	j.do(`document.querySelector("#search").focus()`)
	j.press("#export-history")
	require.Eventually(j, func() bool {
		texts, err := os.ReadFile(filepath.Join(j.saved, "nextquill-texts.jsonl"))
		return err == nil && bytes.Count(texts, []byte("\n")) == journeyTexts+2 && bytes.Contains(texts, []byte(canary))
	}, 30*time.Second, 50*time.Millisecond)
}

// adapter is the exported zip's content, once it is there.
func (j *journey) adapter() map[string][]byte {
	raw, err := os.ReadFile(filepath.Join(j.saved, "nextquill-adapter.zip"))
	if err != nil {
		return nil
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil // still being written
	}
	files := map[string][]byte{}
	for _, f := range archive.File {
		data, err := fs.ReadFile(archive, f.Name)
		require.NoError(j, err)
		files["adapter/"+f.Name] = data
	}
	return files
}

// hostile has markup explained, and imports adapters that are not what they say; then the one that was exported.
func (j *journey) hostile() {
	const markup = `<b>x</b><img src=x onerror="document.title='bad'">`
	j.do(`fill("#explain textarea", %q)`, markup)
	j.press("#explain-start")
	j.untilFor(time.Minute, fmt.Sprintf(`[...document.querySelectorAll("#passage .passage")].map((p) => p.textContent.replace("⏎", "").trim()).join() === %q`, markup))
	j.textIsText()

	var zipped bytes.Buffer
	archive := zip.NewWriter(&zipped)
	for name, data := range j.adapter() {
		w, err := archive.Create(path.Base(name))
		require.NoError(j, err)
		if path.Ext(name) == ".json" {
			data = []byte(fmt.Sprintf(`{"peft_type": %q, "base_model_name_or_path": %q}`, markup, markup))
		}
		_, err = w.Write(data)
		require.NoError(j, err)
	}
	require.NoError(j, archive.Close())
	dir := j.T.TempDir()
	name := filepath.Join(dir, `<b>a<img src=x onerror="document.title='bad'">.zip`)
	require.NoError(j, os.WriteFile(name, zipped.Bytes(), 0o644))
	require.NoError(j, j.browser.SetFileInput("#adapter-file", name))
	j.until(`shown("#alert") && shown("#import-adapter")`)
	require.Contains(j, j.text("#alert"), "<b>x</b>")
	j.textIsText()
	j.noBarriers("html", "something is wrong")
	name += ".jpeg"
	require.NoError(j, os.WriteFile(name, []byte("no zip"), 0o644))
	require.NoError(j, j.browser.SetFileInput("#adapter-file", name))
	j.until(`/is no zip/.test(document.querySelector("#alert").textContent)`)
	require.Contains(j, j.text("#alert"), "<b>a")
	j.textIsText()

	require.NoError(j, j.browser.SetFileInput("#adapter-file", filepath.Join(j.saved, "nextquill-adapter.zip")))
	j.until(`/is in use/.test(document.querySelector("#data-note").textContent) && shown("#export-adapter")`)
	require.Equal(j, "true", j.value(`document.querySelector("#alert").hidden`))
}

// learnAgain starts another training, holds it, looks at the page, and cancels it: what was learnt before stays.
func (j *journey) learnAgain() {
	j.do(`fill("#epochs", "8"); document.querySelector("#search").focus()`)
	j.press("#learn-start")
	j.untilFor(2*time.Minute, `document.querySelectorAll("#charts path").length > 0`)
	j.do(`document.querySelector("#search").focus()`)
	j.press("#learn-pause")
	j.untilFor(time.Minute, `document.querySelector("#learn-pause").textContent === "Resume" && shown("#learn-pause")`)
	require.Equal(j, "true", j.value(`document.querySelector("#forget").disabled`))
	j.lookAt("4-learning")
	j.press("#write-start") // while learning is paused there is time for it
	j.untilFor(time.Minute, `document.querySelector("#draft-you").textContent !== ""`)
	j.do(`document.querySelector("#write-stop").click()`)
	j.until(`shown("#write-start")`)
	require.Regexp(j, `^(Stopped|Done)\.`, j.text("#draft-said"))
	j.do(`document.querySelector("#search").focus()`)
	j.press("#learn-pause")
	j.until(`document.querySelector("#learn-pause").textContent === "Pause"`)
	j.press("#learn-cancel")
	j.untilFor(time.Minute, `document.querySelector("#learn-stage").textContent === "Stopped." && shown("#learn-start")`)
	j.press("#forget")
	j.until(`document.querySelector("#sure").open`)
	j.lookAt("5-forget")
	j.press("#sure [value=no]")
	j.until(`!document.querySelector("#sure").open`)
	j.until(`shown("#export-adapter")`)
}

// nothingLeft looks at all that was asked of the network.
func (j *journey) nothingLeft() {
	requests, err := j.record.Requests()
	require.NoError(j, err)
	for _, r := range requests[j.asked:] {
		require.True(j, r.IsLocal() || r.IsServiceWorkerUpdate(), "a request while the page was to be quiet: %v", r)
	}
	for _, r := range j.got.all()[j.reached:] {
		require.True(j, r.IsServiceWorkerUpdate(), "a request while the page was to be quiet: %v", r)
	}
	require.Equal(j, "0", j.value(`document.querySelector("#requests").dataset.count`))
	j.browserSaidNothing()
	require.Empty(j, j.record.Messages(), "nor did the policy refuse anything to a worker")
	require.Empty(j, browsertest.FindLeaks(requests, canary))
	require.Empty(j, browsertest.FindLeaks(j.got.all(), canary))
	j.Logf("%d requests to load the page and the model; then, in %v, none but %d for a newer service worker; the canary is in none",
		j.reached, time.Since(j.quietSince).Round(time.Second), len(j.got.all())-j.reached)
}

// plant makes the requests that must not be, from everywhere in the browser, and sees that they are found.
func (j *journey) plant() {
	before := len(j.got.all())
	for kind, script := range map[string]string{
		"page":           fmt.Sprintf(`fetch("model/config.json?%s")`, canary),
		"worker":         fmt.Sprintf(`fetch("../model/config.json", { method: "POST", body: %q })`, base64.StdEncoding.EncodeToString([]byte("a"+canary))),
		"service_worker": fmt.Sprintf(`fetch("model/config.json", { headers: { "X-Note": %q } })`, canary),
	} {
		require.NoError(j, j.record.Evaluate(j.Context(), kind, script+`.then(() => {})`))
		require.Eventually(j, func() bool {
			requests, err := j.record.Requests()
			require.NoError(j, err)
			return strings.Contains(strings.Join(browsertest.FindLeaks(requests, canary), "\n"), kind+": ")
		}, 10*time.Second, 20*time.Millisecond, "a planted request of a %s is found", kind)
	}
	require.GreaterOrEqual(j, len(browsertest.FindLeaks(j.got.all()[before:], canary)), 3)
	// The page's own line sees what it and its worker do.
	j.until(`Number(document.querySelector("#requests").dataset.count) >= 2`)
	require.Empty(j, j.record.Messages())
	for kind, script := range map[string]string{
		"page":           fmt.Sprintf(`new Image().src = "https://example.org/%s"`, canary),
		"worker":         fmt.Sprintf(`fetch("https://example.org/%s").catch(() => {})`, canary),
		"service_worker": fmt.Sprintf(`fetch("https://example.org/%s").catch(() => {})`, canary),
	} {
		require.NoError(j, j.record.Evaluate(j.Context(), kind, script))
		require.Eventually(j, func() bool {
			return slices.ContainsFunc(j.record.Messages(), func(said string) bool {
				return strings.HasPrefix(said, kind+": ") && strings.Contains(said, "Content Security Policy")
			})
		}, 10*time.Second, 20*time.Millisecond, "the policy refuses other hosts to a %s", kind)
	}
}

const evaluatePage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,"><script type="module" src="evaluate.js"></script></html>`

// compare tests what was learnt on the same texts in the browser and headless.
func (j *journey) compare() {
	tested := strings.Join(strings.SplitAfter(readSample(j.T, "heldout.jsonl"), "\n")[:journeyTested], "")
	j.testPage.visit("/some/folder/evaluate.html")
	j.until(`globalThis.module !== undefined`)
	ctx, cancel := context.WithTimeout(j.Context(), 2*time.Minute)
	defer cancel()
	raw, err := j.browser.Evaluate(ctx, fmt.Sprintf(`(async () => {
		const nq = await module.NextQuill.open({ model: "model/" });
		const texts = %q.trim().split("\n").map((line) => JSON.parse(line));
		const [you, plain] = [await nq.evaluate({ texts }), await nq.evaluate({ texts, plain: true })];
		const history = await (await nq.history.export()).text();
		await nq.dispose();
		return { you, plain, history };
	})()`, tested))
	require.NoError(j, err)
	type evaluation struct {
		Loss   float64
		Tokens int
		Texts  []struct{ Nats float64 }
	}
	var browser struct {
		You, Plain evaluation
		History    string
	}
	require.NoError(j, json.Unmarshal(raw, &browser))
	require.Contains(j, browser.History, canary)

	files := j.adapter()
	require.Len(j, files, 2)
	files["history.jsonl"], files["tested.jsonl"] = []byte(browser.History), []byte(tested)
	require.NoError(j, fs.WalkDir(models.DefaultFS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files["model/"+name], err = fs.ReadFile(models.DefaultFS(), name)
		}
		return err
	}))
	headless, err := host.Open(j.Context(), host.NewConfig().WithGuest(j.wasm).WithBlobs(blob.NewMem(files)))
	require.NoError(j, err)
	defer headless.Close()
	evaluate := func(adapter string, alone bool) (r api.EvaluateResult) {
		require.NoError(j, headless.Call(j.Context(), "evaluate", api.EvaluateParams{
			Inference: api.Inference{Model: "model", Adapter: adapter, Source: api.Source{History: "history.jsonl", Heldout: "tested.jsonl"}}, NoHistory: alone,
		}, &r, nil))
		return r
	}
	you, plain := evaluate("adapter", false), evaluate("", true)
	j.Logf("held-out loss over %d tokens: %.6f in the browser, %.6f headless; without adapter and history %.6f and %.6f",
		you.Tokens, browser.You.Loss, you.Loss, browser.Plain.Loss, plain.Loss)
	require.Equal(j, you.Tokens, browser.You.Tokens)
	require.Len(j, browser.You.Texts, journeyTested)
	require.InDelta(j, you.Loss, browser.You.Loss, 1e-3)
	require.InDelta(j, plain.Loss, browser.Plain.Loss, 1e-3)
	require.NotEqual(j, fmt.Sprintf("%.3f", you.Loss), fmt.Sprintf("%.3f", plain.Loss), "the adapter and the history count")
}

// forget removes everything, and the browser has nothing any more.
func (j *journey) forget() {
	j.testPage.visit("/some/folder/")
	j.until(`document.documentElement.dataset.settled === "true" && shown("#export-adapter")`)
	j.press("#forget")
	j.until(`document.querySelector("#sure").open`)
	j.press("#sure [value=yes]")
	j.until(`/nothing is left/.test(document.querySelector("#data-note").textContent)`)
	require.Equal(j, "true", j.value(`document.querySelector("#shelf").hidden`))
	require.Equal(j, "0", j.value(`localStorage.length`))
	require.NotEqual(j, "bad", j.value(`document.title`))
	j.browser.TakeMessages() // the planted requests were refused aloud
}

func readSample(t *testing.T, name string) string {
	t.Helper()
	data, err := fs.ReadFile(samples.Bierce(), path.Base(name))
	require.NoError(t, err)
	return string(data)
}
