package moduletest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tabs has two tabs at the same store: one trains, and the other reads, writes
// drafts and edits the history meanwhile, but does not train until the first is
// gone; then it takes the run up.
func (p *testPage) tabs(t *testing.T) {
	first, second := p.tab(t), p.tab(t)
	defer second.browser.Close()
	var whole struct{ Zip []byte }
	first.run(t, &whole, openTiny+`
		if ((await nq.history.count()) === 0) await nq.history.import(%s);
		await nq.personalize(`+tinyRun+`).result;
		const zip = await exported(nq);
		// One that writes a checkpoint at every step, which the other tab must get along with.
		globalThis.run = nq.personalize({epochs: 40, lora: {rank: 4, alpha: 8}, preset: "nextquill-code", training: {batchSize: 1, checkpointEvery: 1}});
		for await (const e of run) if (e.event === "checkpoint") break;
		return {zip};`, quote(t, firstTexts(p.sample(t), 6)))

	var r struct {
		Zip   []byte
		Busy  []struct{ Kind, Message string }
		Draft string
		Left  bool
	}
	second.run(t, &r, `
		for (let opened = 0; opened < 3; opened++) {
			await globalThis.nq?.dispose();
			`+openTiny+`
		}
		const busy = [];
		for (const options of [{}, {resume: true}]) busy.push((await settled(nq.personalize(options).result)).fault);
		const draft = (await nq.write({context: {word: "ambition"}, maxTokens: 8, seed: 1}).result).text;
		for (let i = 0; i < 20; i++) await nq.adapter.info();
		return {busy, draft, zip: await exported(nq), left: (await nq.unfinished()) !== undefined};`)
	require.Len(t, r.Busy, 2)
	for _, f := range r.Busy {
		require.Equal(t, "busy", f.Kind)
		require.Contains(t, f.Message, "this model is being trained, in this tab or another; wait for that run, or cancel it there; writing works meanwhile")
	}
	t.Log(r.Busy[0].Message)
	require.NotEmpty(t, r.Draft)
	require.Equal(t, unzip(t, whole.Zip), unzip(t, r.Zip), "the adapter of before stays until the run is done")
	require.True(t, r.Left)
	var state string
	first.run(t, &state, `return run.state;`)
	require.Equal(t, "running", state, "the first tab was at it all the time")

	t.Run("changes arrive", func(t *testing.T) {
		const heard = `
			globalThis.heard = new Promise((resolve) => nq.history.addEventListener("change", async () => resolve((await nq.history.list()).at(-1)?.text), {once: true}));
			return null;`
		for _, c := range []struct {
			from, to *testPage
			script   string
			text     string
		}{
			{second, first, `globalThis.item = await nq.history.add({text: "from the second tab", time: new Date(2e12)});`, "from the second tab"},
			{first, second, `const it = (await nq.history.list()).at(-1); await nq.history.update(it.id, {text: "changed in the first"});`, "changed in the first"},
		} {
			c.to.run(t, nil, heard)
			c.from.run(t, nil, c.script)
			var text string
			c.to.run(t, &text, `return await heard;`)
			require.Equal(t, c.text, text)
		}
		second.run(t, nil, `await nq.history.remove(item.id);`)
	})

	// The first tab goes, in the middle of its run: the second may go on with it.
	var at, on struct{ Step int }
	first.run(t, &at, `return await nq.unfinished();`)
	first.browser.Close()
	second.run(t, &on, `
		for (;;) {
			const run = nq.personalize({resume: true});
			try {
				for await (const e of run) {
					if (e.event !== "step") continue;
					await run.cancel();
					return {step: e.step};
				}
			} catch (e) {
				if (e.kind !== "busy") throw e; // the browser needs a moment to see that the tab is gone
			}
		}`)
	require.Greater(t, on.Step, at.Step)

	// A third tab forgets everything while the second is training: nothing of that comes back.
	second.run(t, nil, `
		globalThis.run = nq.personalize(`+tinyRun+`);
		for await (const e of run) if (e.event === "checkpoint") break;
		globalThis.other = module.openHistory();
		await other.count();`)
	third := p.tab(t)
	defer third.browser.Close()
	const look = `
		const files = [];
		for await (const name of (await navigator.storage.getDirectory()).keys()) files.push(name);
		return {files, databases: (await indexedDB.databases()).map((db) => db.name)};`
	type found struct{ Left, Files, Databases []string }
	var forgotten, later found
	third.run(t, &forgotten, `const {left} = await module.forget();`+strings.Replace(look, "return {", "return {left, ", 1))
	var fault fullFault
	second.run(t, &fault, `return (await settled(run.result)).fault;`)
	require.Equal(t, "cancelled", fault.Kind)
	second.run(t, &later, `
		const count = await other.count();
		other.close();
		if (count !== 0) throw new Error("texts are left");
		await new Promise((r) => setTimeout(r, 300));`+look)
	for _, f := range []found{forgotten, later} {
		require.Empty(t, f.Left)
		require.Empty(t, f.Files)
		require.Empty(t, f.Databases)
	}
}
