package moduletest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/samples"
	"nextquill/wasm/guest"
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
	"nextquill/web/moduletest"
)

// TestModule goes through the module's whole life in one Chromium.
func TestModule(t *testing.T) {
	p := start(t)
	t.Run("import", p.imports)
	t.Run("history", p.history)
	t.Run("altered model", p.alteredModel)
	t.Run("broken download", p.brokenDownload)
	t.Run("personalize", p.personalize)
	t.Run("write and explain", p.writes)
	t.Run("adapter", p.adapter)
	t.Run("kept adapters", p.keeps)
	t.Run("pause and resume", p.pauses)
	t.Run("many instances", p.many)
	t.Run("element", p.element)
	t.Run("forget", p.forgets)
	require.Empty(t, p.browser.Said(), "the page prints nothing, and its policy refuses nothing")
}

type testPage struct {
	site    *moduletest.Site
	browser *browsertest.Browser
	root    *browsertest.Browser // the browser's first tab, which other tabs are opened from
}

func start(t *testing.T) *testPage {
	site := serve(t)
	// Half the time; the host's own tests do without.
	return show(t, site, must(browsertest.Open(t.Context(), site.URL, "disable_workgroup_init")))
}

func serve(t *testing.T) *moduletest.Site {
	root, err := guest.Root(t.Context())
	require.NoError(t, err)
	site, err := moduletest.Serve(root, loadGuest(t), models.DefaultFS())
	require.NoError(t, err)
	t.Cleanup(site.Close)
	return site
}

func show(t *testing.T, site *moduletest.Site, b *browsertest.Browser) *testPage {
	t.Cleanup(b.Close)
	p := &testPage{site, b, b}
	p.run(t, nil, waitReady)
	return p
}

// loadGuest takes the artifact that NEXTQUILL_WASM names, as the other tests do, else builds the guest.
func loadGuest(t *testing.T) []byte {
	path := os.Getenv(host.GuestVariable)
	if path == "" {
		path = filepath.Join(t.TempDir(), "nextquill.wasm")
		require.NoError(t, guest.Build(t.Context(), guest.Ships, path, os.Stderr))
	}
	wasm, err := host.LoadGuest(path)
	require.NoError(t, err)
	return wasm
}

// run runs the body of an async function in the page; into gets what it returns.
func (p *testPage) run(t *testing.T, into any, body string, args ...any) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	raw, err := p.browser.Evaluate(ctx, fmt.Sprintf("(async () => {"+body+"})().then((v) => ({v}), (e) => ({e: `${e.kind ?? e.name}: ${e.message}\\n${e.stack ?? ''}`}))", args...))
	require.NoError(t, err)
	var answer struct {
		V json.RawMessage
		E string
	}
	require.NoError(t, json.Unmarshal(raw, &answer))
	require.Empty(t, answer.E)
	if into != nil {
		require.NoError(t, json.Unmarshal(answer.V, into))
	}
}

func quote(t *testing.T, v any) string {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

type imported struct {
	Added, Skipped int
	Problems       []string
	Items          []struct {
		ID      string
		Context []struct{ Name, Value string }
		Text    string
		Time    string
	}
}

const importScript = `
	const history = module.openHistory();
	try {
		await history.clear();
		const r = await history.import(new File([%s], %q, {lastModified: 0}));
		return {...r, problems: r.problems.map((f) => f.message), items: await history.list()};
	} finally {
		history.close();
	}`

func (p *testPage) imports(t *testing.T) {
	for _, c := range []struct {
		name, text string
		check      func(*testing.T, imported)
	}{
		{"a.jsonl", `{"id":"1","context":{"to":"Ann","2":"x"},"text":"Hi <b>","time":"2024-05-17"}` + "\n\n{\"text\":3}\n{\"subject\":\"lunch\",\"text\":\"Noon?\"}\n", func(t *testing.T, r imported) {
			require.Equal(t, 2, r.Added)
			require.Len(t, r.Problems, 1)
			require.Contains(t, r.Problems[0], "a.jsonl: line 3: text")
			require.Equal(t, "Noon?", r.Items[0].Text)
			require.Equal(t, "subject", r.Items[0].Context[0].Name)
			require.Equal(t, "2024-05-17T00:00:00.000Z", r.Items[1].Time)
		}},
		{"b.csv", "text;to;time\n\"a \"\"b\"\"\nc\";Ann;2024\nd;;\n;x;\ne\n", func(t *testing.T, r imported) {
			require.Equal(t, 2, r.Added)
			require.Len(t, r.Problems, 2)
			require.Equal(t, "d", r.Items[0].Text)
			require.Equal(t, "a \"b\"\nc", r.Items[1].Text)
			require.Contains(t, r.Problems[1], "line 6: 1 cells where the first row has 3")
		}},
		{"c.txt", "one\ntwo\n\n\nthree\n", func(t *testing.T, r imported) {
			require.Equal(t, 2, r.Added)
			require.Equal(t, "one\ntwo", r.Items[0].Text)
		}},
		{"2024-05-17-d.md", "---\ntitle: \"T: x\"\ntags: [a, 'b']\nlist:\n  - p\n  - q\n---\nBody\n", func(t *testing.T, r imported) {
			require.Equal(t, "Body", r.Items[0].Text)
			require.Equal(t, "2024-05-17T00:00:00.000Z", r.Items[0].Time)
			require.Equal(t, "T: x", r.Items[0].Context[0].Value)
			require.Equal(t, "a, b", r.Items[0].Context[1].Value)
			require.Equal(t, "p, q", r.Items[0].Context[2].Value)
		}},
		{"e.mbox", mailbox, func(t *testing.T, r imported) {
			require.Equal(t, 2, r.Added)
			require.Equal(t, "Grüße aus Köln", r.Items[0].Text)
			require.Equal(t, "Ann Lee", r.Items[0].Context[0].Value)
			require.Equal(t, "Grüße", r.Items[0].Context[1].Value)
			require.Equal(t, "2024-05-17T10:00:00.000Z", r.Items[0].Time)
			require.Equal(t, "Yes & no.\n\nFrom here on.", r.Items[1].Text)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r imported
			p.run(t, &r, importScript, quote(t, c.text), c.name)
			require.Len(t, r.Items, r.Added)
			c.check(t, r)
		})
	}
}

const mailbox = `From a@example.org Fri May 17 10:00:00 2024
From: a@example.org
To: "Ann Lee" <ann@example.org>
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Date: Fri, 17 May 2024 12:00:00 +0200
Content-Type: multipart/alternative; boundary="b1"

--b1
Content-Type: text/html

<p>no</p>
--b1
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus =
K=F6ln

On Thu, May 16, 2024, Ann Lee wrote:
> Where are you?
-- 
A
--b1--

From b@example.org Sat May 18 10:00:00 2024
To: c@example.org
Date: Sat, 18 May 2024 10:00:00 +0000
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+WWVzICZhbXA7IG5vLjwvcD48YnI+RnJvbSBoZXJlIG9uLg==
`

// history: what is imported is exported unchanged, and ids are those of core/history.
func (p *testPage) history(t *testing.T) {
	sample, err := fs.ReadFile(samples.Bierce(), "history.jsonl")
	require.NoError(t, err)
	var r struct {
		First, Second struct{ Added, Skipped int }
		Same          bool
		Order         []string
		Faults        []string
		Changes       int
	}
	p.run(t, &r, `
		const [a, b] = [module.openHistory(), module.openHistory()];
		await a.clear();
		let changes = 0;
		b.addEventListener("change", () => changes++);
		const text = %s;
		const first = await a.import(text);
		const second = await a.import(await a.export(), {format: "jsonl"});
		const one = await (await a.export()).text();
		await a.clear();
		await a.import(one);
		const same = one === await (await a.export()).text();
		await a.clear();
		const x = await a.add({text: "x"}), y = await a.add({text: "x"});
		await a.update(x.id, {text: "<img src=x onerror=alert(1)>", context: {to: "you"}});
		await a.add({text: "later", time: new Date(1e12)});
		const order = (await b.list()).map((it) => it.text);
		await a.remove(y.id);
		const faults = [];
		for (const f of [() => a.add({text: " "}), () => a.update("none", {text: "x"}), () => a.import(new File(["x"], "x.exe")), () => a.import("")]) {
			faults.push((await settled(f())).fault.kind);
		}
		await new Promise((r) => setTimeout(r, 50));
		a.close(); b.close();
		return {first, second, same, order, faults, changes};`, quote(t, string(sample)))
	require.Equal(t, 160, r.First.Added)
	require.Equal(t, 160, r.Second.Skipped)
	require.Zero(t, r.Second.Added)
	require.True(t, r.Same)
	require.Equal(t, []string{"<img src=x onerror=alert(1)>", "x", "later"}, r.Order)
	require.Equal(t, []string{"missing", "missing", "unsupported", "missing"}, r.Faults)
	require.Positive(t, r.Changes)
}

// alteredModel: a file that is not what its manifest says is never used, and
// a whole one is fetched afterwards.
func (p *testPage) alteredModel(t *testing.T) {
	name := p.site.Weights("model")
	whole := p.site.File(name)
	altered := p.site.File(name)
	altered[len(altered)/2]++
	p.site.Put(name, altered)
	var r struct {
		Fault struct{ Kind, Message string }
	}
	p.run(t, &r, `return await settled(module.NextQuill.open({model: "model/"}));`)
	require.Equal(t, "mismatch", r.Fault.Kind)
	require.Contains(t, r.Fault.Message, path.Base(name)+": sha256")
	p.site.Put(name, whole)
}

// brokenDownload: it goes on from where it was, in this visit and in the next.
func (p *testPage) brokenDownload(t *testing.T) {
	name := p.site.Weights("model")
	half := len(p.site.File(name)) / 2
	p.site.Fail(name, half, 0, 0, 0)
	p.site.Asked()
	var r struct {
		Fault struct{ Kind, Message string }
	}
	const open = `return await settled(module.NextQuill.open({model: "model/"}).then((nq) => nq.dispose()));`
	p.run(t, &r, open)
	require.Equal(t, "missing", r.Fault.Kind)
	require.Contains(t, r.Fault.Message, "the server answers 503")
	asked := p.site.Asked()
	require.Contains(t, asked, name)
	require.Contains(t, strings.Join(asked, " "), name+"bytes=", "it goes on at once, as far as it came")
	r.Fault.Kind = ""
	p.run(t, &r, open)
	require.Empty(t, r.Fault.Kind)
	asked = p.site.Asked()
	require.Contains(t, asked, fmt.Sprintf("%sbytes=%d-", name, half), "what came is kept from visit to visit")
	require.NotContains(t, asked, name)
	p.run(t, &r, open)
	require.Empty(t, r.Fault.Kind)
	require.NotContains(t, strings.Join(p.site.Asked(), " "), name, "what is on the device is not fetched")
	p.run(t, nil, `await module.forget();`)
	for _, said := range p.browser.Said() {
		require.Contains(t, said, "Failed to load resource", "the browser itself tells of the broken answers")
	}
}

func (p *testPage) personalize(t *testing.T) {
	var r struct {
		Progress []string
		Opened   float64
		Seconds  float64
		Result   struct {
			Steps         int
			Loss, Heldout float64
		}
		Events   []string
		Phases   int
		Busy     []string
		Estimate struct {
			Download int
			Storage  struct{ Models, Adapters, Checkpoints, Other int }
			GPU      struct{ Write, Train int }
		}
		Small   struct{ Write, Train int } // on a q4 base
		Cached  []string
		Longest float64
	}
	p.run(t, &r, `
		const progress = [], t0 = performance.now();
		globalThis.nq = await module.NextQuill.open({model: "model/", onProgress: (e) => progress.push(e.status)});
		const opened = performance.now() - t0;
		await nq.history.clear();
		await nq.history.import(%s);
		let longest = 0;
		const observer = new PerformanceObserver((list) => { for (const e of list.getEntries()) longest = Math.max(longest, e.duration); });
		observer.observe({entryTypes: ["longtask"]});
		const t1 = performance.now();
		const run = nq.personalize({epochs: 1, training: {batchSize: 2, checkpointEvery: 1}});
		const other = await module.NextQuill.open({model: "model/", base: "q4"});
		const small = (await other.estimate()).gpu;
		const busy = [];
		busy.push((await settled(other.personalize().result)).fault.kind);
		busy.push((await settled(nq.write().result)).fault.kind);
		await other.dispose();
		const events = [];
		let phases = 0;
		for await (const e of run) { events.push(e.event === "state" ? e.state : e.event); phases = Math.max(phases, e.phase); }
		const result = await run.result;
		observer.disconnect();
		const estimate = await nq.estimate();
		return {progress: [...new Set(progress)], opened, seconds: (performance.now() - t1) / 1000, result, events, phases, busy, estimate, small, longest};`,
		quote(t, strings.Join(strings.SplitAfter(string(p.sample(t)), "\n")[:6], "")))
	t.Logf("opened in %.0f ms; 6 texts, 1 epoch of both phases in %.1f s: %+v; longest task %.0f ms", r.Opened, r.Seconds, r.Result, r.Longest)
	for _, status := range []string{"initiate", "download", "progress", "progress_total", "done", "ready"} {
		require.Contains(t, r.Progress, status)
	}
	require.Equal(t, []string{"busy", "busy"}, r.Busy)
	require.Equal(t, 2, r.Phases)
	for _, event := range []string{"running", "stage", "step", "checkpoint", "done"} {
		require.Contains(t, r.Events, event)
	}
	require.Positive(t, r.Result.Loss)
	require.Zero(t, r.Estimate.Download)
	require.Zero(t, r.Estimate.Storage.Checkpoints)
	require.Positive(t, r.Estimate.Storage.Adapters)
	require.Greater(t, r.Estimate.Storage.Models, p.site.Size(p.site.Weights("model")))
	require.Greater(t, r.Estimate.GPU.Train, r.Estimate.GPU.Write)
	require.Greater(t, r.Estimate.GPU.Write, r.Small.Write+1<<20)
	require.Greater(t, r.Estimate.GPU.Train, r.Small.Train+1<<20)
}

func (p *testPage) sample(t *testing.T) []byte {
	data, err := fs.ReadFile(samples.Bierce(), "history.jsonl")
	require.NoError(t, err)
	return data
}

func (p *testPage) writes(t *testing.T) {
	var r struct {
		Pieces []string
		Result struct {
			Text            string
			Tokens          int
			Seed            uint32
			TokensPerSecond float64
		}
		Again   string
		Plain   string
		Stopped string
		Tokens  []struct {
			Text      string
			DCE       float64
			Influence []float64
		}
		Items   []struct{ ID string }
		First   float64
		Written float64
	}
	p.run(t, &r, `
		const t0 = performance.now();
		const draft = nq.write({context: {word: "ambition", part: "noun"}, maxTokens: 12, seed: 7});
		const pieces = [];
		let first = 0;
		for await (const piece of draft) { first ||= performance.now() - t0; pieces.push(piece); }
		const result = await draft.result;
		const written = performance.now() - t0;
		const again = (await nq.write({context: {word: "ambition", part: "noun"}, maxTokens: 12, seed: 7}).result).text;
		const plain = (await nq.write({context: "ambition", maxTokens: 4, plain: true, steer: 0}).result).text;
		const stop = new AbortController();
		const stopping = nq.write({context: "ambition", signal: stop.signal});
		stop.abort();
		const stopped = (await settled(stopping.result)).fault.kind;
		const {tokens, items} = await nq.explain({context: {word: "ambition", part: "noun"}, text: "An overmastering desire."});
		return {pieces, result, again, plain, stopped, tokens, items, first, written};`)
	t.Logf("first piece after %.0f ms, %d tokens after %.0f ms: %q; plain: %q", r.First, r.Result.Tokens, r.Written, r.Result.Text, r.Plain)
	require.Equal(t, r.Result.Text, strings.Join(r.Pieces, ""))
	require.Equal(t, r.Result.Text, r.Again)
	require.Equal(t, "cancelled", r.Stopped)
	require.Len(t, r.Items, 3)
	for _, item := range r.Items {
		require.NotEmpty(t, item.ID)
	}
	require.NotEmpty(t, r.Tokens)
	for _, token := range r.Tokens {
		require.Len(t, token.Influence, 3)
	}
}

// adapter: exported, removed and imported again it writes the same.
func (p *testPage) adapter(t *testing.T) {
	var r struct {
		Before, Without, After string
		Info                   struct {
			Preset string
			Bytes  int
		}
		Faults []string
		Size   int
	}
	p.run(t, &r, `
		const write = async () => (await nq.write({context: {word: "ambition"}, maxTokens: 8, temperature: 0}).result).text;
		const before = await write();
		const zip = await nq.adapter.export();
		await nq.adapter.remove();
		const faults = [];
		faults.push((await settled(nq.adapter.export())).fault.kind);
		faults.push((await settled(nq.adapter.import(new Blob(["no zip"])))).fault.kind);
		const without = await write();
		const info = await nq.adapter.import(zip);
		return {before, without, after: await write(), info, faults, size: zip.size};`)
	require.Equal(t, []string{"missing", "malformed"}, r.Faults)
	require.Equal(t, r.Before, r.After)
	require.Equal(t, "imported", r.Info.Preset)
	require.Greater(t, r.Size, r.Info.Bytes)
}

// pauses: a run that is paused, left and taken up again ends; one that is cancelled leaves nothing.
func (p *testPage) pauses(t *testing.T) {
	var r struct {
		Paused, Resumed, Cancelled string
		While                      string
		Unfinished                 struct {
			Preset string
			Step   int
		}
		None        bool
		Steps, Went int
		Left        int
	}
	p.run(t, &r, `
		const options = {preset: "nextquill-code", epochs: 2, training: {batchSize: 1, checkpointEvery: 1}};
		const run = nq.personalize(options);
		for await (const e of run) if (e.event === "step") break;
		await run.pause();
		const paused = run.state;
		const during = (await nq.write({context: "ambition", maxTokens: 2}).result).text;
		await nq.dispose();
		globalThis.nq = await module.NextQuill.open({model: "model/"});
		const unfinished = await nq.unfinished();
		const next = nq.personalize({resume: true});
		const result = await next.result;
		const last = nq.personalize(options);
		for await (const e of last) if (e.event === "step") break;
		await last.cancel();
		const {storage} = await nq.estimate();
		return {paused, resumed: next.state, cancelled: last.state, while: during, unfinished, none: (await nq.unfinished()) === undefined,
			steps: result.steps, went: result.resumed, left: storage.checkpoints};`)
	require.Equal(t, "paused", r.Paused)
	require.Equal(t, "done", r.Resumed)
	require.Equal(t, "cancelled", r.Cancelled)
	require.Equal(t, "nextquill-code", r.Unfinished.Preset)
	require.Positive(t, r.Went)
	require.Greater(t, r.Steps, r.Went)
	require.True(t, r.None)
	require.Zero(t, r.Left)
}

func (p *testPage) reload(t *testing.T) {
	p.run(t, nil, `globalThis.ready = false; setTimeout(() => location.reload());`)
	for {
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		raw, err := p.browser.Evaluate(ctx, `globalThis.ready === true`)
		stop()
		if err == nil && string(raw) == "true" {
			return
		}
		require.NoError(t, t.Context().Err())
		time.Sleep(50 * time.Millisecond)
	}
}

func unzip(t *testing.T, data []byte) map[string]string {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		files[f.Name] = string(content)
	}
	require.Len(t, files, 2)
	require.Contains(t, files["adapter_config.json"], `"base_model_name_or_path": "default"`)
	return files
}

// many: instances open and close without a trace.
func (p *testPage) many(t *testing.T) {
	var r struct {
		Fault struct{ Kind string }
		Locks int
		Each  float64
	}
	p.run(t, &r, `
		const t0 = performance.now();
		let last;
		for (let i = 0; i < 8; i++) {
			const two = await Promise.all([0, 1].map(() => module.NextQuill.open({model: "model/"})));
			await Promise.all(two.map((one) => one.dispose()));
			last = two[0];
		}
		const {fault} = await settled(last.write().result);
		const locks = await navigator.locks.query();
		return {fault, locks: locks.held.length + locks.pending.length, each: (performance.now() - t0) / 16};`)
	t.Logf("an instance opens and closes in %.0f ms", r.Each)
	require.Equal(t, "cancelled", r.Fault.Kind)
	require.Zero(t, r.Locks)
}

// element: texts are shown as text, the draft is the form's, and what is removed is freed.
func (p *testPage) element(t *testing.T) {
	var r struct {
		Shown, Label, Draft, Form, Status string
		Markup                            int
		Missing, Valid                    bool
		Events                            []string
		Explained                         int
		Unnamed                           []string
		Reset                             string
	}
	p.run(t, &r, `
		await nq.history.add({text: "<img src=x onerror=alert(1)><b>hostile</b>", time: new Date()});
		const form = document.createElement("form");
		const el = document.createElement("next-quill");
		for (const [k, v] of Object.entries({model: "model/", name: "answer", required: "", "max-tokens": "4", "aria-label": "Answer"})) el.setAttribute(k, v);
		form.append(el);
		document.body.append(form);
		const events = [];
		for (const name of ["input", "change", "nq-progress", "nq-draft", "nq-explain", "nq-error"]) el.addEventListener(name, () => events.push(name));
		const missing = !form.checkValidity();
		while (el.shadowRoot.querySelectorAll("li").length === 0) await new Promise((r) => setTimeout(r, 20));
		const shown = el.shadowRoot.querySelector("li span").textContent, label = el.shadowRoot.querySelector("summary").textContent;
		el.shadowRoot.querySelector("#about").value = "ambition";
		el.shadowRoot.querySelector("button.main").click();
		while (!events.includes("nq-draft") && !events.includes("nq-error")) await new Promise((r) => setTimeout(r, 20));
		const draft = el.value, status = el.shadowRoot.querySelector("[role=status],[role=alert]").textContent;
		await el.explain();
		const unnamed = [...el.shadowRoot.querySelectorAll("input, textarea")].filter((c) => c.labels.length === 0).map((c) => c.id);
		const result = {shown, label, draft, status, missing, events, unnamed, form: new FormData(form).get("answer"), valid: form.checkValidity(),
			explained: el.shadowRoot.querySelectorAll(".explained span").length,
			markup: el.shadowRoot.querySelectorAll("img, b").length};
		form.reset();
		result.reset = el.value;
		form.remove();
		return result;`)
	require.Equal(t, "<img src=x onerror=alert(1)><b>hostile</b>", r.Shown)
	require.Zero(t, r.Markup)
	require.Equal(t, "Your texts: 7", r.Label)
	require.True(t, r.Missing)
	require.True(t, r.Valid)
	require.NotEmpty(t, r.Draft)
	require.Equal(t, r.Draft, r.Form)
	require.Equal(t, "The draft is ready.", r.Status)
	require.NotContains(t, r.Events, "nq-error")
	require.Contains(t, r.Events, "change")
	require.Positive(t, r.Explained)
	require.Empty(t, r.Unnamed)
	require.Empty(t, r.Reset)
}

func (p *testPage) forgets(t *testing.T) {
	p.site.Asked()
	var r struct {
		Removed struct{ Files, Bytes, Databases int }
		Left    []string
		Files   []string

		Databases int
	}
	p.run(t, &r, `
		const forgotten = await nq.forget();
		const files = [];
		for await (const name of (await navigator.storage.getDirectory()).keys()) files.push(name);
		await new Promise((r) => setTimeout(r, 100)); // the removed element must not make anything anew
		return {...forgotten, files, databases: (await indexedDB.databases()).length};`)
	require.Empty(t, r.Left)
	require.Empty(t, r.Files)
	require.Greater(t, r.Removed.Bytes, p.site.Size(p.site.Weights("model")))
	require.Equal(t, 1, r.Removed.Databases)
	require.Zero(t, r.Databases)
	require.Empty(t, p.site.Asked(), "forgetting asks nothing of the network")
}
