package moduletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// leaks counts workers, GPU buffers, locks and files: of instances that open and
// close, of opening that fails or is stopped, and of one that goes on working.
func (p *testPage) leaks(t *testing.T) {
	tab := p.tab(t)
	defer tab.browser.Close()
	var r struct {
		Most, Workers, Locks int
		Left                 []int
		Stopped              []string
		Live                 []int
		Files                []int
	}
	tab.run(t, &r, `
		const test = new BroadcastChannel("test");
		const left = [], stopped = [];
		test.onmessage = ({data}) => { if (data.left !== undefined) left.push(data.left); };
		const open = (signal) => module.NextQuill.open({model: "tiny/", worker: "faulty.js", signal});
		let most = 0;
		for (let i = 0; i < 4; i++) {
			const two = await Promise.all([open(), open()]);
			most = Math.max(most, workers.size);
			if (i === 0) await Promise.all(two.map((one) => one.write({maxTokens: 2, plain: true}).result));
			await Promise.all(two.map((one) => one.dispose()));
		}
		for (let ms = 0; ms < 100; ms += 20) {
			const {fault, value} = await settled(open(AbortSignal.timeout(ms)));
			stopped.push(fault?.kind ?? "opened");
			await value?.dispose();
		}
		stopped.push((await settled(module.NextQuill.open({model: "none/", worker: "faulty.js"}))).fault.kind);
		const counted = {most, workers: workers.size, stopped, left};

		globalThis.nq = await open();
		if ((await nq.history.count()) === 0) await nq.history.import(%s);
		const files = async () => {
			let n = 0;
			for await (const _ of (await (await navigator.storage.getDirectory()).getDirectoryHandle("nextquill")).keys()) n++;
			return n;
		};
		const live = () => new Promise((resolve) => {
			const on = ({data}) => { if (data.live !== undefined) { test.removeEventListener("message", on); resolve(data.live); } };
			test.addEventListener("message", on);
			test.postMessage({count: true});
		});
		counted.live = [];
		counted.files = [];
		for (let i = 0; i < 4; i++) {
			await nq.write({maxTokens: 2, context: "x"}).result;
			await nq.explain({text: "a text", context: "x"});
			const stopping = nq.personalize(`+smallRun+`);
			for await (const e of stopping) if (e.event === "step") break;
			await stopping.cancel();
			await nq.personalize(`+smallRun+`).result;
			counted.live.push(await live());
			counted.files.push(await files());
		}
		await nq.dispose();
		const locks = await navigator.locks.query();
		counted.locks = locks.held.length + locks.pending.length;
		counted.workers += workers.size;
		return counted;`, quote(t, firstTexts(p.sample(t), 6)))
	t.Logf("buffers left to devices that close %v; opening stopped: %v; live buffers after rounds of work %v, files %v", r.Left, r.Stopped, r.Live, r.Files)
	require.Equal(t, 2, r.Most)
	require.Zero(t, r.Workers)
	require.Zero(t, r.Locks)
	require.Contains(t, r.Stopped, "cancelled")
	require.Subset(t, []string{"cancelled", "opened", "missing"}, r.Stopped)
	require.Equal(t, "missing", r.Stopped[len(r.Stopped)-1])
	for _, n := range r.Left {
		require.Zero(t, n)
	}
	for i := range r.Live[1:] {
		require.Equal(t, r.Live[1], r.Live[i+1], "buffers stay behind")
		require.Equal(t, r.Files[1], r.Files[i+1], "files stay behind")
	}
}
