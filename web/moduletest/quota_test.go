package moduletest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// smallRun is as short as a run with all kinds of writes can be.
const smallRun = `{preset: "nextquill-code", epochs: 1, lora: {rank: 4, alpha: 8}, training: {batchSize: 2, checkpointEvery: 1}}`

// quotaScript has what is stored looked at.
const quotaScript = `
	const test = new BroadcastChannel("test");
	const heard = (what) => new Promise((resolve) => {
		const on = ({data}) => { if (data[what]) { test.removeEventListener("message", on); resolve(); } };
		test.addEventListener("message", on);
	});
	const failFile = async (n) => { // the n-th write from now on; 0 is none
		const armed = heard("armed");
		test.postMessage({fail: n});
		await armed;
	};
	const stored = async () => JSON.stringify([await (await nq.history.export()).text(), (await nq.adapter.info()) && await exported(nq)]);
	`

// quota fills the device: really, and then at every single write of a run, of a
// download and of a change to the history.
func (p *testPage) quota(t *testing.T) {
	tab := p.tab(t)
	defer tab.browser.Close()
	defer func() { require.NoError(t, p.root.SetQuota(p.site.URL, 0)) }()
	tab.run(t, nil, openTiny+`
		if ((await nq.history.count()) === 0) await nq.history.import(%s);`, quote(t, firstTexts(p.sample(t), 6)))
	t.Run("full device", tab.full)
	t.Run("every write of a run", tab.everyWrite)
	t.Run("every write of a download", tab.everyDownload)
	t.Run("every change of the history", tab.everyChange)
	tab.run(t, nil, `await nq.dispose();`)
}

// full has the browser itself refuse, in the middle of a run. (What a test may set
// of its quota binds files only; for the database see everyChange.)
func (p *testPage) full(t *testing.T) {
	var before struct {
		Usage float64
		Zip   []byte
	}
	p.run(t, &before, quotaScript+`
		await nq.personalize(`+smallRun+`).result;
		const zip = await exported(nq); // what a run that nothing disturbs comes to
		await nq.personalize({...`+smallRun+`, preset: "contextsft"}).result;
		globalThis.before = await stored();
		globalThis.run = nq.personalize(`+smallRun+`);
		for await (const e of run) if (e.event === "checkpoint") break;
		await run.pause();
		return {zip, usage: (await navigator.storage.estimate()).usage};`)
	require.NoError(t, p.root.SetQuota(p.site.URL, before.Usage+10_000))
	var r struct {
		Run               fullFault
		Same, Left, Wrote bool
	}
	p.run(t, &r, quotaScript+`
		run.resume();
		const {fault} = await settled(run.result);
		const same = (await stored()) === before;
		const wrote = (await nq.write({context: "ambition", maxTokens: 2}).result).tokens > 0;
		return {run: fault, same, wrote, left: (await nq.unfinished()) !== undefined};`)
	r.Run.check(t)
	require.Regexp(t, `checkpoint/[01].ckpt: cannot be written \([\d.]+ [kM]B\)`, r.Run.Message)
	require.True(t, r.Same)
	require.True(t, r.Left)
	require.True(t, r.Wrote, "the adapter that was in use writes")
	require.NoError(t, p.root.SetQuota(p.site.URL, 0))
	var after struct {
		Zip     []byte
		Resumed int
	}
	p.run(t, &after, `
		const {resumed} = await nq.personalize({resume: true}).result;
		return {resumed, zip: await exported(nq)};`)
	require.Equal(t, unzip(t, before.Zip), unzip(t, after.Zip))
	require.Positive(t, after.Resumed)
}

type fullFault struct{ Kind, Message string }

// check holds that the fault says how much there is, and what to do.
func (f fullFault) check(t *testing.T) {
	t.Helper()
	t.Log(f.Message)
	require.Equal(t, "storage", f.Kind)
	require.Regexp(t, `full \(limit [\d.]+ [kM]B used( of [\d.]+ MB)?\)`, f.Message)
	require.Contains(t, f.Message, "free space on this device")
	require.Contains(t, f.Message, "nothing that was stored is lost")
}

// everyWrite fails the n-th write of a run, to files and then to the database, for
// every n until a run needs no more writes. Each time the run says so, what was there stays, and the run goes on to
// the adapter that it would have had.
func (p *testPage) everyWrite(t *testing.T) {
	var r struct {
		Failed  []string
		Resumed int
		Problem string
		Message string
		Zips    [][]byte // the last is that of a run without a failure
	}
	began := time.Now()
	p.run(t, &r, quotaScript+`
		const failed = [], zips = [];
		test.onmessage = ({data}) => { if (data.failed) failed.push(data.failed); };
		await nq.personalize({...`+smallRun+`, preset: "contextsft"}).result;
		let resumed = 0, message = "";
		for (const medium of ["file", "database"]) {
			for (let n = 1; ; n++) {
				const problem = (what) => ({problem: what + " at write " + n + " of a " + medium, failed, message});
				const before = await stored(), had = failed.length;
				if (medium === "file") await failFile(n);
				else databaseWrites.failAfter(n, () => failed.push("database"));
				const {fault} = await settled(nq.personalize(`+smallRun+`).result);
				await failFile(0); // what failed was said before
				databaseWrites.failAfter(0);
				if (failed.length === had) break;
				if (fault !== undefined) {
					message = fault.message;
					if (fault.kind !== "storage") return problem("another fault: " + fault.kind);
					if (!/nothing that was stored is lost/.test(message)) return problem("no advice");
					if ((await stored()) !== before) return problem("something changed");
					if ((await nq.unfinished()) === undefined) {
						await nq.personalize(`+smallRun+`).result;
					} else {
						const {resumed: from} = await nq.personalize({resume: true}).result;
						if (from > 0) resumed++;
					}
				}
				zips.push(await exported(nq));
			}
		}
		return {failed, resumed, zips: [...zips, await exported(nq)]};`)
	require.Empty(t, r.Problem, r.Message)
	t.Logf("%d writes fail: %v, %d runs gone on from a checkpoint, in %.1f s", len(r.Failed), r.Failed, r.Resumed, time.Since(began).Seconds())
	for _, kind := range []string{"create", "write", "flush", "database"} {
		require.Contains(t, r.Failed, kind)
	}
	require.Positive(t, r.Resumed)
	whole := unzip(t, r.Zips[len(r.Zips)-1])
	for n, zip := range r.Zips {
		require.Equal(t, whole, unzip(t, zip), "another adapter after write %d failed", n+1)
	}
}

func (p *testPage) everyDownload(t *testing.T) {
	var r struct {
		Writes  int
		Problem string
	}
	p.run(t, &r, quotaScript+`
		const before = await stored();
		const open = async (n) => {
			const opened = await settled(module.NextQuill.open({model: "tiny2/", worker: "faulty.js?fail=" + n}));
			await opened.value?.dispose();
			return opened.fault;
		};
		const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("nextquill");
		for (let n = 1; ; n++) {
			const problem = (what) => ({problem: what + " at write " + n});
			const names = [];
			for await (const name of folder.keys()) if (name.startsWith("models%%2F" + %q)) names.push(name);
			for (const name of names) await folder.removeEntry(name); // all is to be fetched
			const fault = await open(n);
			if (fault === undefined) return {writes: n - 1};
			if (fault.kind !== "storage") return problem("another fault: " + fault.message);
			if ((await stored()) !== before) return problem("something changed");
			const again = await open(0);
			if (again !== undefined) return problem("it does not go on: " + again.message);
		}`, p.modelID(t, "tiny2/"))
	require.Empty(t, r.Problem)
	t.Logf("%d writes of a download fail", r.Writes)
	require.Greater(t, r.Writes, 20)
}

// modelID is the name of a model's content.
func (p *testPage) modelID(t *testing.T, address string) (id string) {
	p.run(t, &id, `
		const other = await module.NextQuill.open({model: %q});
		await other.dispose();
		return other.model.id;`, address)
	return id
}

func (p *testPage) everyChange(t *testing.T) {
	var r struct {
		Writes  int
		Problem string
	}
	p.run(t, &r, quotaScript+`
		const before = await stored();
		const [first] = await nq.history.list();
		const {length} = await nq.history.list();
		for (let n = 1; ; n++) {
			const problem = (what) => ({problem: what + " at write " + n});
			databaseWrites.failAfter(n, () => {});
			const added = await settled(nq.history.import("one\n\ntwo\n\nthree\n", {format: "txt"}));
			if (added.fault === undefined) {
				databaseWrites.failAfter(0);
				for (const item of (await nq.history.list()).filter((it) => /^(one|two|three)$/.test(it.text))) await nq.history.remove(item.id);
				return (await stored()) === before ? {writes: n - 1} : problem("something changed in the end");
			}
			databaseWrites.failAfter(1, () => {});
			const updated = await settled(nq.history.update(first.id, {text: "other"}));
			databaseWrites.failAfter(0);
			for (const {fault} of [added, updated]) if (fault?.kind !== "storage") return problem("another fault: " + fault?.message);
			if (!/the change cannot be stored \(\d+ [kM]B\): .* is full \(limit .* used\)/.test(added.fault.message)) return problem("no advice: " + added.fault.message);
			if ((await stored()) !== before) return problem("something changed");
		}`)
	require.Empty(t, r.Problem)
	require.Equal(t, 3, r.Writes)
}
