package moduletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// keeps: adapters that are kept under a name stay what they are while others are learnt from them; they are switched between
// without loading the model, and what no name holds any more is gone.
func (p *testPage) keeps(t *testing.T) {
	type scores []float64
	var r struct {
		First, Further, FirstAgain, FurtherHeld, FirstHeld, Used, Gone, Last scores
		Names                                                                []string
		Current                                                              []bool
		Faults                                                               []string
		Loading, Held                                                        float64
		Folders, Left                                                        int
		Left2                                                                []string
	}
	p.run(t, &r, `
		const score = async (adapter) => (await nq.explain({text: "A wish.", context: {word: "ambition"}, influence: false, ...(adapter && {adapter})})).tokens.map((t) => t.logpWith);
		const timed = async (f) => { const t = performance.now(); await f(); return performance.now() - t; };
		const first = await score();
		await nq.adapter.keep("first");
		await nq.personalize({from: true, preset: "contextsft", epochs: 1, maxItems: 2, training: {batchSize: 1, lr: 0.005}}).result;
		const further = await score(), firstAgain = await score("first");
		await nq.adapter.keep("second");
		const switches = async () => {
			let best = Infinity;
			for (let i = 0; i < 2; i++) {
				await score("second");
				best = Math.min(best, await timed(() => score("first")));
			}
			return best;
		};
		const loading = await switches();
		await nq.load();
		const held = await switches();
		const furtherHeld = await score("second"), firstHeld = await score("first");
		await nq.adapter.use("first");
		const used = await score();
		const list = await nq.adapter.list();
		const faults = [];
		faults.push((await settled(nq.adapter.use("third"))).fault.kind);
		faults.push((await settled(nq.adapter.keep(" "))).fault.kind);
		faults.push((await settled(nq.write({adapter: "third"}).result)).fault.kind);
		faults.push((await settled(nq.personalize({from: "third"}).result)).fault.kind);
		faults.push((await settled(nq.personalize({from: true, lora: {rank: 2}}).result)).fault.kind);
		const folders = (await nq.adapter.folders()).length;
		await nq.adapter.remove("second");
		await nq.adapter.remove(); // first is kept: only no longer in use
		faults.push((await settled(nq.adapter.export())).fault.kind);
		const gone = await score();
		await nq.adapter.use("first");
		await nq.adapter.remove("first"); // in use: only no longer named
		const last = await score();
		await nq.unload();
		return {first, further, firstAgain, furtherHeld, firstHeld, used, gone, last, names: list.map((a) => a.name), current: list.map((a) => a.current),
			faults, loading, held, folders, left: (await nq.adapter.folders()).length, left2: (await nq.adapter.list()).map((a) => a.name)};`)
	require.NotEmpty(t, r.First)
	require.NotEqual(t, r.First, r.Further, "it learnt further")
	require.Equal(t, r.First, r.FirstAgain)
	require.Equal(t, r.First, r.FirstHeld)
	require.Equal(t, r.Further, r.FurtherHeld)
	require.Equal(t, r.First, r.Used)
	require.NotEqual(t, r.First, r.Gone, "the base model")
	require.Equal(t, r.First, r.Last)
	require.Equal(t, []string{"first", "second"}, r.Names)
	require.Equal(t, []bool{true, false}, r.Current)
	require.Equal(t, []string{"missing", "out-of-range", "missing", "missing", "mismatch", "missing"}, r.Faults)
	require.Equal(t, 2, r.Folders)
	require.Equal(t, 1, r.Left)
	require.Empty(t, r.Left2)
	t.Logf("explaining after a switch: %.0f ms with the model held, %.0f ms without", r.Held, r.Loading)
}
