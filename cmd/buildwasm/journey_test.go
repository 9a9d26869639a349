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
	"nextquill/web/browsertest/testfile"
)

// canary is part of a text of the history. Nothing that leaves the browser may contain it.
const canary = "Kanarienvogel-7719"

// The history has this many texts of the sample writer besides two others; the adapter is tested on
// this many.
const (
	journeyTexts  = 9
	journeyTested = 4
)

// TestJourney uses the page by keyboard from the first visit to the exported adapter, in Chromium
// with its default flags and under the page's strictest policy: it trains, writes and explains, and
// compares the adapter's loss in the browser with the headless one. On the way it checks requests,
// blocked main threads and accessibility.
func TestJourney(t *testing.T) {
	t.Parallel()
	s := complete(t)
	script, err := testfile.Bundle(s.root, "web/page/tests/evaluate.steps.ts")
	require.NoError(t, err)
	s.add("evaluate.html", []byte(evaluatePage))
	s.add("lib/tests/evaluate.steps.js", script.JS)
	server, got := serveSite(t, s, policy)
	b, err := browsertest.Open(t.Context(), "about:blank")
	require.NoError(t, err)
	t.Cleanup(b.Close)
	record, err := b.RecordNetwork(t.Context())
	require.NoError(t, err)
	t.Cleanup(record.Close)
	j := &journey{
		testPage: testPage{T: t, browser: b, server: server},
		wasm:     s.files["lib/nextquill.wasm"], evaluation: script, record: record, got: got, saved: t.TempDir(),
	}
	j.addProbe()
	require.NoError(t, b.SetDownloadDir(j.saved))
	j.visit()
	j.addFile()
	j.fetchModel()
	j.waitForQuiet()
	j.addText()
	j.writePlain()
	j.trainWriteExplain()
	j.checkLayout("3-explained")
	j.save()
	j.hostile()
	j.trainAgain()
	j.checkRequests()
	j.makeLeaks()
	j.compare()
	j.forget()
	j.checkNoMessages()
}

type journey struct {
	testPage
	wasm       []byte
	evaluation *testfile.Script
	record     *browsertest.NetworkRecord
	got        *received
	saved      string // folder of downloads

	// Requests that the browser had made and the server had received when loading was done, and
	// when that was.
	made, reached int
	quietSince    time.Time
}

func (j *journey) visit() {
	began := time.Now()
	j.testPage.visit("/some/folder/")
	j.until(`document.documentElement.dataset.settled === "true"`)
	require.NotContains(j, j.text("#gpu"), "Looking")
	require.Regexp(j, `\d MB`, j.text("#costs"))
	require.Equal(j, "Add 4 texts or more first.", j.text("#train-note"))
	require.Contains(j, j.text("#example-word"), "likely after these earlier texts")
	j.checkLayout("1-first-visit")
	j.Logf("first visit loaded and checked in %v", time.Since(began).Round(time.Millisecond))
}

func (j *journey) fetchModel() {
	began := time.Now()
	j.do(`document.querySelector("#train-details").open = true; document.querySelector("#search").focus()`)
	j.press("#fetch")
	j.untilFor(2*time.Minute, `document.querySelector("#fetch").hidden && shown("#write-start")`)
	require.Equal(j, "Write", j.text("#write-start"), "the button names no download any more")
	j.Logf("model fetched and opened in %v", time.Since(began).Round(time.Millisecond))
}

// waitForQuiet waits until everything is loaded. From here on there must be no request.
func (j *journey) waitForQuiet() {
	// The browser checks its service worker a second later.
	for last := -1; last != len(j.got.all()); time.Sleep(1500 * time.Millisecond) {
		last = len(j.got.all())
	}
	requests, err := j.record.Requests()
	require.NoError(j, err)
	j.made, j.reached, j.quietSince = len(requests), len(j.got.all()), time.Now()
	kinds := map[string]int{}
	for _, r := range requests {
		kinds[r.From]++
	}
	j.Logf("loading made %d requests of %v", j.reached, kinds)
	for _, kind := range []string{"page", "worker", "service_worker"} {
		require.Positive(j, kinds[kind], "requests of a %s are recorded", kind)
	}
}

// addFile drops a file whose name and content have markup. That fetches what reads files.
func (j *journey) addFile() {
	lines := strings.SplitAfter(readSample(j.T, "history.jsonl"), "\n")[:journeyTexts]
	hostile, err := json.Marshal(map[string]any{
		"context": map[string]string{
			"word":    "<b>canary</b>",
			"part":    "noun",
			"meaning": "<script>document.title='bad'</script>",
		},
		"text": canary + `, a bird <img src=x onerror="document.title='bad'">that sings of gas.`, "time": "1912-01-01",
	})
	require.NoError(j, err)
	name := filepath.Join(j.T.TempDir(), `<img src=x onerror="document.title='bad'">.jsonl`)
	require.NoError(j, os.WriteFile(name, []byte(strings.Join(lines, "")+string(hostile)+"\n"), 0o644))
	j.drop(name)
	j.until(`shown("#import .primary")`)
	require.Equal(j, fmt.Sprintf("Add %d texts", journeyTexts+1), j.text("#import .primary"))
	j.checkNoMarkup()
	j.press("#import .primary")
	j.until(fmt.Sprintf(`document.querySelector("#count").textContent === "%d texts"`, journeyTexts+1))
}

// addText types a text.
func (j *journey) addText() {
	j.do(`document.querySelector("#next").focus()`)
	j.tabTo("#add .fields input")
	require.NoError(j, j.browser.TypeKeys("novel"))
	j.tabTo("#add textarea")
	require.NoError(j, j.browser.TypeKeys("A short story padded."))
	j.press("#add [type=submit]")
	j.until(fmt.Sprintf(`document.querySelector("#count").textContent === "%d texts"`, journeyTexts+2))
	j.checkNoMarkup()
	j.checkLayout("2-history")
}

// writePlain writes a draft before training.
func (j *journey) writePlain() {
	began := time.Now()
	j.do(`fill("#write .fields input", "ambition"); document.querySelector("#write .fields input").focus()`)
	j.press("#write-start")
	j.until(`["#draft-plain", "#draft-you"].some((draft) => document.querySelector(draft).textContent !== "")`)
	first := time.Since(began)
	j.untilFor(2*time.Minute, `shown("#write-start") && shown("#draft-copy")`)
	j.Logf("time to the first draft: first words after %v, complete, with the plain draft, after %v",
		first.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	require.NotEmpty(j, j.text("#draft-plain"))
}

// trainWriteExplain does what takes long, and traces the main thread.
func (j *journey) trainWriteExplain() {
	j.do(`probe.observe()`)
	stop, err := j.browser.TraceMainThread(j.Context())
	require.NoError(j, err)
	began := time.Now()
	j.do(`fill("#epochs", "1"); fill("#write .fields input", "")`)
	j.do(`document.querySelector("#search").focus()`)
	j.press("#train-start")
	j.until(`shown("#train-bar")`)
	require.Equal(j, "train-cancel", j.value(`document.activeElement.id`), "the focus moves to the run's button")
	j.untilFor(4*time.Minute, `/Done|Stopped/.test(document.querySelector("#train-stage").textContent)`)
	require.Contains(j, j.text("#train-stage"), "Done in", j.text("#alert"))
	trained := time.Since(began)
	require.NotEqual(j, "0", j.value(`document.querySelectorAll("#charts path").length`))
	require.Equal(
		j,
		"true",
		j.value(`[...probe.seen.remaining].some((text) => / left$/.test(text))`),
		"the remaining time is shown",
	)
	require.Contains(j, j.text("#result"), "Only 2 texts were kept aside, too few to measure a gain.")
	require.Regexp(j, `interval`, j.text("#train-facts"))
	// Two drafts about the newest text show what has changed. An earlier draft is shown until they
	// begin.
	j.until(`document.querySelector("#write .fields input").value === "novel"`)
	j.untilFor(2*time.Minute, `shown("#write-start") && shown("#draft-explain")`)
	require.NotEmpty(j, j.text("#draft-plain"))
	require.Equal(j, "explain", j.value(`document.body.dataset.step`))
	require.Equal(j, j.text("#draft-you"), j.value(`document.querySelector("#explain textarea").value`))

	began = time.Now()
	j.do(`document.querySelector("#write details").open = true`)
	j.do(`fill("#write .fields input", "ambition"); document.querySelector("#write .fields input").focus()`)
	j.tabTo("#steer")
	require.NoError(j, j.browser.TypeKeys(kb.ArrowRight+kb.ArrowRight))
	require.Equal(j, "0.2", j.text("#write output"))
	j.press("#write-start")
	j.until(`document.querySelector(".writing") !== null`)
	require.Equal(j, "0", j.value(`document.getAnimations().length`), "reduced motion: nothing moves")
	j.untilFor(2*time.Minute, `shown("#write-start") && shown("#draft-explain")`)
	require.NotContains(j, []string{"0", "1"}, j.value(`probe.seen.pieces`), "a draft comes piece by piece")
	j.Logf("time to the personalized draft: %v of training on %d texts, then %v of writing, the plain draft included",
		trained.Round(time.Millisecond), journeyTexts+2, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	j.press("#draft-explain")
	j.untilFor(time.Minute, `/clearly yours/.test(document.querySelector("#explain-note").textContent)`)
	require.Equal(j, "true", j.value(`probe.noteCountsPassage()`), j.text("#explain-note"))
	j.Logf("explained in %v", time.Since(began).Round(time.Millisecond))

	ctx, cancel := context.WithTimeout(j.Context(), time.Minute)
	defer cancel()
	tasks, err := stop(ctx)
	require.NoError(j, err)
	wall, cpu := tasks.Longest()
	j.Logf(
		"main thread while training, writing, explaining: %d tasks, queued for %v in all; "+
			"longest wall time: %v; longest CPU time: %v; long tasks as the page sees them: %s",
		len(tasks.All),
		tasks.Queued.Round(time.Millisecond),
		wall,
		cpu,
		j.value(`probe.seen.longTasks`),
	)
	require.Greater(j, tasks.Span, trained, "the trace is complete")
	require.Empty(j, tasks.Blocking(50*time.Millisecond), "the page was blocked")

	j.tabTo("#passage .t")
	require.Contains(j, j.text("#passage .about"), "without them")
	j.do(`document.querySelectorAll("#passage .t")[1].dispatchEvent(new PointerEvent("pointerenter"))`)
	require.Equal(j, "true", j.value(`document.querySelectorAll("#passage .t")[1].matches(".on")`))
	require.Regexp(j, `[0-9] ×`, j.text("#passage .about"), "the texts with the largest influence")
	j.checkNoMarkup()
}

// save exports the adapter and the texts.
func (j *journey) save() {
	j.press("#export-adapter")
	j.until(`/training is exported/.test(document.querySelector("#data-note").textContent)`)
	require.Eventually(j, func() bool { return j.adapter() != nil }, 30*time.Second, 50*time.Millisecond)
	j.do(`document.querySelector("#search").focus()`)
	j.press("#export-history")
	require.Eventually(j, func() bool {
		texts, err := os.ReadFile(filepath.Join(j.saved, "nextquill-texts.jsonl"))
		return err == nil && bytes.Count(texts, []byte("\n")) == journeyTexts+2 && bytes.Contains(texts, []byte(canary))
	}, 30*time.Second, 50*time.Millisecond)
}

// adapter returns the files of the exported zip, or nil if it is not complete yet.
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

// hostile explains a text with markup, and imports adapters that are invalid; then it imports the
// exported one.
func (j *journey) hostile() {
	const markup = `<b>x</b><img src=x onerror="document.title='bad'">`
	j.do(`fill("#explain textarea", %q)`, markup)
	j.press("#explain-start")
	j.untilFor(time.Minute, fmt.Sprintf(`probe.passageText() === %q`, markup))
	j.checkNoMarkup()

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
	j.checkNoMarkup()
	j.checkAccessibility("html", "something is wrong")
	name += ".jpeg"
	require.NoError(j, os.WriteFile(name, []byte("no zip"), 0o644))
	require.NoError(j, j.browser.SetFileInput("#adapter-file", name))
	j.until(`/is not a readable zip/.test(document.querySelector("#alert").textContent)`)
	require.Contains(j, j.text("#alert"), "<b>a")
	j.checkNoMarkup()

	require.NoError(j, j.browser.SetFileInput("#adapter-file", filepath.Join(j.saved, "nextquill-adapter.zip")))
	j.until(`/is in use/.test(document.querySelector("#data-note").textContent) && shown("#export-adapter")`)
	require.Equal(j, "true", j.value(`document.querySelector("#alert").hidden`))
}

// trainAgain starts another run, writes a draft meanwhile, pauses it, checks the page, and cancels
// the run: the adapter stays.
func (j *journey) trainAgain() {
	j.do(`fill("#epochs", "8"); document.querySelector("#search").focus()`)
	j.press("#train-start")
	j.untilFor(2*time.Minute, `document.querySelectorAll("#charts path").length > 0`)
	j.press("#write-start") // the run pauses while the draft is written
	j.untilFor(time.Minute, `document.querySelector("#draft-you").textContent !== ""`)
	j.do(`document.querySelector("#write-stop").click()`)
	j.until(`shown("#write-start") && document.querySelector("#train-pause").textContent === "Pause"`)
	j.do(`document.querySelector("#search").focus()`)
	j.press("#train-pause")
	j.untilFor(
		time.Minute,
		`document.querySelector("#train-pause").textContent === "Continue" && shown("#train-pause")`,
	)
	require.Equal(j, "true", j.value(`document.querySelector("#forget").disabled`))
	j.checkLayout("4-training")
	j.press("#write-start") // possible while training is paused
	j.untilFor(time.Minute, `document.querySelector("#draft-you").textContent !== ""`)
	j.do(`document.querySelector("#write-stop").click()`)
	j.until(`shown("#write-start")`)
	require.Regexp(j, `^(Stopped|Done)\.`, j.text("#draft-live"))
	j.do(`document.querySelector("#search").focus()`)
	j.press("#train-pause")
	j.until(`document.querySelector("#train-pause").textContent === "Pause"`)
	j.press("#train-cancel")
	j.untilFor(
		time.Minute,
		`document.querySelector("#train-stage").textContent === "Stopped." && shown("#train-start")`,
	)
	j.press("#forget")
	j.until(`document.querySelector("#sure").open`)
	j.checkLayout("5-forget")
	j.press("#sure [value=no]")
	j.until(`!document.querySelector("#sure").open`)
	j.until(`shown("#export-adapter")`)
}

// checkRequests checks all requests: none since loading was done, and none with the canary.
func (j *journey) checkRequests() {
	requests, err := j.record.Requests()
	require.NoError(j, err)
	for _, r := range requests[j.made:] {
		require.True(j, r.IsLocal() || r.IsServiceWorkerUpdate(), "a request after loading: %v", r)
	}
	for _, r := range j.got.all()[j.reached:] {
		require.True(j, r.IsServiceWorkerUpdate(), "a request after loading: %v", r)
	}
	require.Equal(j, "0", j.value(`document.querySelector("#requests").dataset.count`))
	j.checkNoMessages()
	require.Empty(j, j.record.Messages(), "the policy has blocked something in a worker")
	require.Empty(j, browsertest.FindLeaks(requests, canary))
	require.Empty(j, browsertest.FindLeaks(j.got.all(), canary))
	j.Logf(
		"%d requests to load the page and the model; then, in %v, only %d for a newer service worker; "+
			"none has the canary",
		j.reached,
		time.Since(j.quietSince).Round(time.Second),
		len(j.got.all())-j.reached,
	)
}

// makeLeaks makes requests with the canary from each kind of target, and checks that they are
// found.
func (j *journey) makeLeaks() {
	before := len(j.got.all())
	encoded := base64.StdEncoding.EncodeToString([]byte("a" + canary))
	for kind, script := range map[string]string{
		"page":           fmt.Sprintf(`fetch("model/config.json?%s")`, canary),
		"worker":         fmt.Sprintf(`fetch("../model/config.json", { method: "POST", body: %q })`, encoded),
		"service_worker": fmt.Sprintf(`fetch("model/config.json", { headers: { "X-Note": %q } })`, canary),
	} {
		require.NoError(j, j.record.Evaluate(j.Context(), kind, script+`.then(() => {})`))
		require.Eventually(j, func() bool {
			requests, err := j.record.Requests()
			require.NoError(j, err)
			return strings.Contains(strings.Join(browsertest.FindLeaks(requests, canary), "\n"), kind+": ")
		}, 10*time.Second, 20*time.Millisecond, "the request of a %s is found", kind)
	}
	require.GreaterOrEqual(j, len(browsertest.FindLeaks(j.got.all()[before:], canary)), 3)
	// The page shows the number of requests of itself and its worker.
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
		}, 10*time.Second, 20*time.Millisecond, "the policy blocks other hosts in a %s", kind)
	}
}

const evaluatePage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title>
<link rel="icon" href="data:,">
<script type="module" src="lib/tests/evaluate.steps.js"></script></html>`

// compare evaluates the adapter on the same texts in the browser and headless.
func (j *journey) compare() {
	tested := strings.Join(strings.SplitAfter(readSample(j.T, "heldout.jsonl"), "\n")[:journeyTested], "")
	j.testPage.visit("/some/folder/evaluate.html")
	page := testfile.Attach(j.browser, j.evaluation, nil)
	require.NoError(j, page.WaitLoaded(j.Context()))
	type evaluation struct {
		Loss   float64
		Tokens int
		Texts  []struct{ Nats float64 }
	}
	var browser struct {
		You, Plain evaluation
		History    string
	}
	require.NoError(j, page.Call(j.Context(), &browser, "evaluate", tested))
	require.Contains(j, browser.History, canary)

	files := j.adapter()
	require.Len(j, files, 3, "PEFT's two files and the datastore")
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
			Inference: api.Inference{
				Model:   "model",
				Adapter: adapter,
				Source:  api.Source{History: "history.jsonl", Heldout: "tested.jsonl"},
			}, NoHistory: alone,
		}, &r, nil))
		return r
	}
	you, plain := evaluate("adapter", false), evaluate("", true)
	j.Logf(
		"held-out loss over %d tokens: %.6f in the browser, %.6f headless; without adapter and history %.6f and %.6f",
		you.Tokens,
		browser.You.Loss,
		you.Loss,
		browser.Plain.Loss,
		plain.Loss,
	)
	require.Equal(j, you.Tokens, browser.You.Tokens)
	require.Len(j, browser.You.Texts, journeyTested)
	require.InDelta(j, you.Loss, browser.You.Loss, 1e-3)
	require.InDelta(j, plain.Loss, browser.Plain.Loss, 1e-3)
	require.NotEqual(
		j,
		fmt.Sprintf("%.3f", you.Loss),
		fmt.Sprintf("%.3f", plain.Loss),
		"adapter and history have an effect",
	)
}

// forget deletes everything.
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
	j.browser.TakeMessages() // the browser has logged the blocked requests
}

func readSample(t *testing.T, name string) string {
	t.Helper()
	data, err := fs.ReadFile(samples.Bierce(), path.Base(name))
	require.NoError(t, err)
	return string(data)
}
