package moduletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/web/browsertest"
)

// TestWithoutGPU: in a browser without WebGPU the history works, and what needs a
// GPU says that it does, and what to do.
func TestWithoutGPU(t *testing.T) {
	site := serve(t)
	p := show(t, site, must(browsertest.OpenWithoutGPU(t.Context(), site.URL)))
	var r struct {
		Check struct {
			OK    bool
			Fault struct{ Kind, Remedy string }
		}
		Open struct {
			Kind, Message string
		}
		Texts    []string
		Same     bool
		Download int
		Workers  int
		Left     []string
	}
	p.run(t, &r, `
		const {ok, fault} = await module.checkGPU();
		const open = (await settled(module.NextQuill.open({model: "model/"}))).fault;
		const history = module.openHistory();
		await history.import(%s);
		await history.add({text: "a text of mine"});
		const one = await (await history.export()).text();
		await history.clear();
		await history.import(one, {format: "jsonl"});
		const same = one === await (await history.export()).text();
		const texts = (await history.list()).map((it) => it.text);
		history.close();
		const {download} = await module.estimate("model/");
		const {left} = await module.forget();
		return {check: {ok, fault: {kind: fault?.kind, remedy: fault?.remedy}}, open, texts, same, download, workers: workers.size, left};`,
		quote(t, firstTexts(p.sample(t), 3)))
	require.False(t, r.Check.OK)
	require.Equal(t, "no-adapter", r.Check.Fault.Kind)
	require.Contains(t, r.Check.Fault.Remedy, "hardware acceleration")
	require.Equal(t, "no-adapter", r.Open.Kind)
	require.Contains(t, r.Open.Message, "use a current Chrome, Edge, Firefox or Safari")
	t.Log(r.Open.Message)
	require.Len(t, r.Texts, 4)
	require.True(t, r.Same)
	require.Greater(t, r.Download, site.Size(site.Weights("model")), "what a model would cost is known all the same")
	require.Zero(t, r.Workers)
	require.Empty(t, r.Left)
}
