package moduletest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lossScript gives the scripts below a way to take the GPU away, and what the
// instance says about it.
const lossScript = `
	const test = new BroadcastChannel("test");
	const destroy = () => test.postMessage({destroy: true});
	const heard = [];
	for (const name of ["lost", "reopened"]) nq.addEventListener(name, (e) => heard.push(name + " " + e.fault.kind));
	const context = {word: "ambition"}, text = "An overmastering desire.";
	`

// losses takes the GPU away at random moments: in the middle of a run, of a draft
// and of an explanation, of both at once, and while nothing is done. Everything
// comes out as if nothing had happened, and whoever listens is told.
func (p *testPage) losses(t *testing.T) {
	const seed, times = 3, 4
	random := rand.New(rand.NewPCG(seed, 0))
	tab := p.tab(t)
	defer tab.browser.Close()
	var whole struct{ Zip []byte }
	tab.run(t, &whole, openTiny+`
		if ((await nq.history.count()) === 0) await nq.history.import(%s);
		const r = await nq.personalize(`+tinyRun+`).result;
		return {zip: await exported(nq)};`, quote(t, firstTexts(p.sample(t), 6)))

	t.Run("run", func(t *testing.T) {
		var moments []int
		for range times {
			moments = append(moments, 3+random.IntN(6)) // there is a checkpoint among any three reports
		}
		var r struct {
			Zip   []byte
			Heard []string
			// Went has, per loss, the newest checkpoint and the first report after it: a step, or after a phase's last step
			// its checkpoint once more.
			Went []struct {
				Saved, Then place
				Step        bool
			}
		}
		began := time.Now()
		tab.run(t, &r, lossScript+`
			const moments = %s;
			const run = nq.personalize(`+tinyRun+`);
			const went = [];
			let n = 0, broken = false, recovered = false, saved = {phase: 0, step: 0};
			for await (const e of run) {
				if (e.event === "state" && e.state === "recovering") recovered = true;
				if (e.event !== "step" && e.event !== "checkpoint") continue;
				const at = {phase: e.phase, step: e.step};
				if (recovered) {
					went.push({saved, then: at, step: e.event === "step"});
					[n, broken, recovered] = [0, false, false];
				}
				if (e.event === "checkpoint") saved = at;
				if (!broken && ++n === moments[went.length]) { broken = true; destroy(); }
			}
			await run.result;
			return {zip: await exported(nq), heard, went};`, quote(t, moments))
		t.Logf("the GPU is lost after %v reports each: %v, newest checkpoint and what came next %v, in %.1f s",
			moments, r.Heard, r.Went, time.Since(began).Seconds())
		require.Equal(t, unzip(t, whole.Zip), unzip(t, r.Zip))
		require.Len(t, r.Went, times)
		require.Len(t, r.Heard, 2*times)
		for _, w := range r.Went {
			require.True(t, w.Saved.before(w.Then) || !w.Step && w.Saved == w.Then, "it goes on from step %v, though %v was stored", w.Then, w.Saved)
		}
	})

	t.Run("draft and explanation", func(t *testing.T) {
		var r struct {
			Whole, Broken, Idle, Pieces string
			Same, SameIdle, Twice       bool
			Heard                       []string
		}
		tab.run(t, &r, lossScript+`
			const write = () => nq.write({context, maxTokens: 24, seed: 3, temperature: 1.5});
			const whole = (await write().result).text;
			const explained = JSON.stringify(await nq.explain({context, text}));

			const draft = write();
			let pieces = "", n = 0;
			for await (const piece of draft) { pieces += piece; if (++n === 3) destroy(); }
			const broken = (await draft.result).text;

			const explaining = nq.explain({context, text});
			setTimeout(destroy, %d);
			const same = JSON.stringify(await explaining) === explained;

			destroy();
			await new Promise((r) => setTimeout(r, 100));
			const idle = (await write().result).text;

			// Two calls lose the same GPU: it is opened again once.
			const two = [nq.explain({context, text}), write().result];
			setTimeout(destroy, %d);
			const [e, w] = await Promise.all(two);
			return {whole, broken, idle, pieces, same, twice: JSON.stringify(e) === explained && w.text === whole, heard};`,
			random.IntN(40), random.IntN(40))
		require.Equal(t, r.Whole, r.Broken)
		require.Equal(t, r.Whole, r.Pieces, "nothing is given twice")
		require.Equal(t, r.Whole, r.Idle)
		require.True(t, r.Same)
		require.True(t, r.Twice)
		require.GreaterOrEqual(t, len(r.Heard), 2*3)
		t.Log(r.Heard)
	})

	// The browser's own GPU process crashes: no device there was works any more.
	t.Run("GPU process", func(t *testing.T) {
		tab.run(t, nil, lossScript+`
			globalThis.heard = heard;
			globalThis.crashing = (async () => {
				const run = nq.personalize(`+tinyRun+`);
				for await (const e of run) if (e.event === "step" && e.phase === 1) globalThis.stepped = true;
				return await exported(nq);
			})();
			crashing.catch(() => {});
			while (!globalThis.stepped) await new Promise((r) => setTimeout(r, 5));`)
		require.NoError(t, p.root.CrashGPU(t.Context()))
		var r struct {
			Zip   []byte
			Heard []string
		}
		tab.run(t, &r, `return {zip: await crashing, heard};`)
		t.Log(r.Heard)
		require.Equal(t, unzip(t, whole.Zip), unzip(t, r.Zip))
		require.Equal(t, []string{"lost device-lost", "reopened device-lost"}, r.Heard)
	})

	// A GPU that never stays ends the run, which says so, and can be gone on with.
	t.Run("hopeless", func(t *testing.T) {
		var r struct {
			Fault struct{ Kind, Message string }
			State string
			Left  bool
			Zip   []byte
		}
		tab.run(t, &r, lossScript+`
			const run = nq.personalize(`+tinyRun+`);
			for await (const e of run) if (e.event === "step") break;
			test.postMessage({doomed: true});
			destroy();
			`+lossHook+`
			const {fault} = await settled(run.result);
			test.postMessage({doomed: false});
			hook();
			const left = (await nq.unfinished()) !== undefined;
			const state = run.state;
			await nq.personalize({resume: true}).result;
			return {fault, left, state, zip: await exported(nq)};`)
		require.Equal(t, "device-lost", r.Fault.Kind)
		require.Contains(t, r.Fault.Message, "resumes from the newest checkpoint")
		require.Equal(t, "failed", r.State)
		require.True(t, r.Left)
		require.Equal(t, unzip(t, whole.Zip), unzip(t, r.Zip))
	})
	tab.run(t, nil, `await nq.dispose();`)
}

// lossHook dooms the devices of workers to come, too: each is a new script.
const lossHook = `
	const doom = (e) => { if (e.data.hello) test.postMessage({doomed: true}); };
	test.addEventListener("message", doom);
	const hook = () => test.removeEventListener("message", doom);`
