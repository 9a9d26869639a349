package moduletest_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/web/moduletest"
)

// TestRobust breaks what a device can break, in one Chromium, with a tiny model.
func TestRobust(t *testing.T) {
	p := start(t)
	tiny, err := moduletest.Tiny(models.DefaultFS(), 4096, 1)
	require.NoError(t, err)
	require.NoError(t, p.site.AddModel("tiny", "default", tiny, 0))
	other, err := moduletest.Tiny(models.DefaultFS(), 4096, 2)
	require.NoError(t, err)
	require.NoError(t, p.site.AddModel("tiny2", "default", other, 100_000))
	t.Run("kills", p.kills)
	t.Run("import killed", p.importKilled)
	t.Run("lost devices", p.losses)
	t.Run("full", p.quota)
	t.Run("download", p.download)
	t.Run("tabs", p.tabs)
	t.Run("leaks", p.leaks)
}

// tab opens another tab.
func (p *testPage) tab(t *testing.T) *testPage {
	b, err := p.root.OpenTab(p.site.URL)
	require.NoError(t, err)
	tab := &testPage{p.site, b, p.root}
	tab.run(t, nil, waitReady)
	return tab
}

const waitReady = `while (!globalThis.ready) await new Promise((r) => setTimeout(r, 5));`

// tinyRun are the options of the runs that are broken: two phases of ten steps.
const tinyRun = `{epochs: 2, lora: {rank: 4, alpha: 8}, training: {batchSize: 1, checkpointEvery: 2}}`

const openTiny = `globalThis.nq = await module.NextQuill.open({model: "tiny/", worker: "faulty.js"});`

// live goes on with the run that was left, or starts one, again and again, and reports.
const live = `
	new BroadcastChannel("test").onmessage = ({data}) => { if (data.torn) report(JSON.stringify(data)); };
	globalThis.living = (async () => {
		` + openTiny + `
		const left = await nq.unfinished();
		report(JSON.stringify({opened: true, left: left !== undefined, history: await (await nq.history.export()).text()}));
		for (let resume = left !== undefined; ; resume = false) {
			const run = nq.personalize(resume ? {resume} : ` + tinyRun + `);
			for await (const e of run) {
				if (e.event === "checkpoint") report(JSON.stringify({saved: {phase: e.phase, step: e.step}}));
				if (e.event === "step") report(JSON.stringify({step: {phase: e.phase, step: e.step}}));
			}
			await run.result;
			report(JSON.stringify({zip: await exported(nq)}));
		}
	})().catch((e) => report(JSON.stringify({fault: e.message ?? String(e)})));`

type place struct{ Phase, Step int }

func (a place) before(b place) bool {
	return a.Phase < b.Phase || a.Phase == b.Phase && a.Step < b.Step
}

// report is what a page says while it lives.
type report struct {
	Opened, Left bool
	Torn         bool // a checkpoint is written half
	History      string
	Saved, Step  *place
	Zip          []byte
	Fault        string
}

// kills ends the page at random moments of its life, in three ways: each time
// nothing that was reported as stored is lost, and what the runs come to in the
// end is what one comes to that nobody disturbs.
func (p *testPage) kills(t *testing.T) {
	const kills, seed = 20, 7
	random := rand.New(rand.NewPCG(seed, 0))
	tab := p.tab(t)
	var whole struct {
		Zip     []byte
		History string
		Millis  float64
	}
	tab.run(t, &whole, openTiny+`
		await nq.history.import(%s);
		await nq.personalize(`+tinyRun+`).result; // also measures this device's kernels
		await nq.dispose();
		const t0 = performance.now();
		`+openTiny+`
		await nq.personalize(`+tinyRun+`).result;
		const r = {zip: await exported(nq), history: await (await nq.history.export()).text(), millis: performance.now() - t0};
		await nq.dispose();
		return r;`, quote(t, firstTexts(p.sample(t), 6)))
	adapter := unzip(t, whole.Zip)
	t.Logf("seed %d; an unbroken run takes %.0f ms", seed, whole.Millis)

	began := time.Now()
	var saved place // the newest checkpoint of the run under way
	left := false   // whether there is such a run
	runs, resumed := 0, 0
	for n, kinds := 0, kindsOf(random, kills); n <= kills; n++ {
		reports := make(chan report, 1000)
		tab.browser.OnReport(func(raw string) {
			var r report
			if err := json.Unmarshal([]byte(raw), &r); err != nil {
				r.Fault = err.Error()
			}
			reports <- r
		})
		tab.run(t, nil, live)
		// Every fifth page dies while it opens, every fifth in the middle of a checkpoint; the others some time after they have
		// said so much.
		var due <-chan time.Time
		delay := time.Duration(random.Float64() * float64(80*time.Millisecond))
		said := 1 + random.IntN(30) // a run makes thirty reports
		if n%5 == 4 {
			delay, said = time.Duration(random.Float64()*whole.Millis/2*float64(time.Millisecond)), 0
		}
		first := true // no step of the resumed run was seen yet
		tearing, goal := false, runs+1
		for alive, heard := true, 0; alive; {
			switch {
			case heard < said || n == kills || due != nil || tearing:
			case n%5 == 3:
				tearing = true
				tab.run(t, nil, `new BroadcastChannel("test").postMessage({tear: "/checkpoint/"});`)
			default:
				due = time.After(delay)
			}
			select {
			case r := <-reports:
				heard++
				require.Empty(t, r.Fault)
				switch {
				case r.Opened:
					require.Equal(t, whole.History, r.History)
					if saved != (place{}) {
						require.True(t, r.Left, "the run is forgotten")
					}
					if left = r.Left; !left {
						saved = place{}
					} else {
						resumed++
					}
				case r.Step != nil && first && left:
					require.True(t, saved.before(*r.Step), "it goes on from step %v, though %v was stored", r.Step, saved)
					first = false
				case r.Torn:
					due = time.After(0)
				case r.Saved != nil:
					saved, left = *r.Saved, true
				case r.Zip != nil:
					require.Equal(t, adapter, unzip(t, r.Zip))
					runs, left, saved = runs+1, false, place{}
					alive = n < kills || runs < goal // the last page lives until its run is done
				}
			case <-due:
				t.Logf("%2d: %s, %v after %d reports; torn %v; newest checkpoint %v; %d runs done", n+1, kinds[n], delay.Round(time.Millisecond), said, tearing, saved, runs)
				tab = tab.kill(t, kinds[n])
				alive = false
				for drained := false; !drained; { // what it said before its end
					select {
					case r := <-reports:
						if r.Saved != nil {
							saved = *r.Saved
						}
						if r.Zip != nil {
							require.Equal(t, adapter, unzip(t, r.Zip))
							runs, saved = runs+1, place{}
						}
					default:
						drained = true
					}
				}
			case <-time.After(time.Minute):
				require.Fail(t, "the page says nothing")
			}
		}
	}
	tab.run(t, nil, `await nq.dispose();`)
	tab.browser.Close()
	t.Logf("%d kills, %d runs taken up again, %d runs ended, all with the same adapter, in %.0f s", kills, resumed, runs, time.Since(began).Seconds())
	require.Positive(t, resumed)
	require.Positive(t, runs)
}

// firstTexts gives the first n lines of a history.
func firstTexts(jsonl []byte, n int) string {
	return strings.Join(strings.SplitAfter(string(jsonl), "\n")[:n], "")
}

// importKilled ends the page while it imports: all texts are there, or none.
func (p *testPage) importKilled(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	// A site of its own, as far as storage goes.
	url := strings.Replace(p.site.URL, "127.0.0.1", "localhost", 1)
	texts := quote(t, string(p.sample(t)))
	open := func() *testPage {
		b, err := p.root.OpenTab(url)
		require.NoError(t, err)
		tab := &testPage{p.site, b, p.root}
		tab.run(t, nil, waitReady)
		return tab
	}
	var counts []int
	for range 4 {
		tab := open()
		tab.run(t, nil, `
			globalThis.history1 = module.openHistory();
			await history1.clear();
			void history1.import(%s);
			await new Promise((r) => setTimeout(r, %d));`, texts, random.IntN(60))
		require.NoError(t, tab.browser.Crash(t.Context()))
		tab.browser.Close()
		tab = open()
		var r struct {
			Count int
			Same  bool
		}
		tab.run(t, &r, `
			const history = module.openHistory();
			const count = await history.count();
			const {added, skipped} = await history.import(%s);
			const all = await history.count();
			history.close();
			return {count, same: all === 160 && added + skipped === 160 && skipped === count};`, texts)
		tab.browser.Close()
		require.Contains(t, []int{0, 160}, r.Count)
		require.True(t, r.Same)
		counts = append(counts, r.Count)
	}
	t.Logf("texts there after the kills: %v", counts)
}

type kind string

const (
	reloaded kind = "reload"
	closed   kind = "closed tab"
	crashed  kind = "crashed renderer"
)

// kindsOf spreads kills over the kinds, in random order.
func kindsOf(random *rand.Rand, n int) []kind {
	all := []kind{reloaded, closed, crashed}
	kinds := make([]kind, n)
	for i := range kinds {
		kinds[i] = all[i%len(all)]
	}
	random.Shuffle(n, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	return kinds
}

// kill ends the page, and gives the one in its place.
func (p *testPage) kill(t *testing.T, k kind) *testPage {
	if k == reloaded {
		p.reload(t)
		return p
	}
	if k == crashed {
		require.NoError(t, p.browser.Crash(t.Context()))
	}
	p.browser.Close()
	return p.tab(t)
}
