package moduletest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/web/moduletest"
)

// download fetches a model of many parts over a connection that breaks at random
// bytes, in visits that end at random. What arrived is not asked for again, no
// file is ever whole in the page's memory, and a part that was altered is refused.
func (p *testPage) download(t *testing.T) {
	const seed, shard = 11, 1_300_000
	random := rand.New(rand.NewPCG(seed, 0))
	model, err := moduletest.Large(models.DefaultFS(), 4096, 3)
	require.NoError(t, err)
	require.NoError(t, p.site.AddModel("large", "large", model, shard))
	tab := p.tab(t)
	defer func() { tab.browser.Close() }()
	size := p.site.Size("large/model.safetensors")
	require.Greater(t, size, 6*shard)

	// Parts break once each, at any byte; two of them so often that the visit ends there.
	breaks := map[string][]int{}
	for i := range size / shard {
		breaks[fmt.Sprintf("large/model.safetensors.%d", i)] = []int{1 + random.IntN(shard-1)}
	}
	for _, i := range []int{1, 4} {
		name := fmt.Sprintf("large/model.safetensors.%d", i)
		breaks[name] = append(breaks[name], 0, 0, 0)
	}
	p.site.FailAll(breaks)
	p.site.Asked()
	const open = `
		let most = 0;
		const {postMessage} = Worker.prototype;
		Worker.prototype.postMessage = function (message, transfer) {
			most = Math.max(most, message.data?.byteLength ?? 0);
			return postMessage.call(this, message, transfer);
		};
		for (const name of ["arrayBuffer", "blob", "bytes"]) Response.prototype[name] = () => { throw new Error("a file whole in memory"); };
		const r = await settled(module.NextQuill.open({model: "large/"}).then((nq) => globalThis.nq = nq));
		Worker.prototype.postMessage = postMessage;
		return {fault: r.fault, most};`
	var r struct {
		Fault fullFault
		Most  int
	}
	for range 2 {
		r.Fault = fullFault{}
		tab.run(t, &r, open)
		require.Equal(t, "missing", r.Fault.Kind)
		require.Contains(t, r.Fault.Message, "the server answers 503")
		require.LessOrEqual(t, r.Most, 1<<20)
		tab = tab.kill(t, closed)
	}
	r.Fault = fullFault{}
	tab.run(t, &r, open)
	require.Empty(t, r.Fault)
	require.LessOrEqual(t, r.Most, 1<<20)
	asked := p.site.Asked()
	var ranges int
	for i := range size / shard {
		name := fmt.Sprintf("large/model.safetensors.%d", i)
		from := fmt.Sprintf("%sbytes=%d-", name, breaks[name][0])
		require.Equal(t, 1, count(asked, name), "%s is asked for from its start once", name)
		require.Contains(t, asked, from)
		ranges++
	}
	t.Logf("seed %d: %d bytes in %d parts, %d breaks, in three visits; pieces of at most %d bytes in the page", seed, size, ranges+1, len(breaks)+6, r.Most)
	var wrote struct{ Tokens int }
	tab.run(t, &wrote, `const {tokens} = await nq.write({maxTokens: 2, plain: true}).result; await nq.dispose(); return {tokens};`)
	require.Positive(t, wrote.Tokens)

	// A part that is altered on its way, and one of another length.
	require.NoError(t, p.site.AddModel("altered", "altered", must(moduletest.Tiny(models.DefaultFS(), 4096, 4)), 100_000))
	const name = "altered/model.safetensors.2"
	whole := p.site.File(name)
	for what, spoil := range map[string]func([]byte) []byte{
		"sha256": func(b []byte) []byte { b[random.IntN(len(b))] ^= 1; return b },
		"size":   func(b []byte) []byte { return b[:random.IntN(len(b))] },
	} {
		p.site.Put(name, spoil(slices.Clone(whole)))
		r.Fault = fullFault{}
		tab.run(t, &r, `return {fault: (await settled(module.NextQuill.open({model: "altered/"}))).fault};`)
		require.Equal(t, "mismatch", r.Fault.Kind)
		require.Contains(t, r.Fault.Message, "model.safetensors.2: "+what)
	}
	p.site.Put(name, whole)
	p.site.Asked()
	r.Fault = fullFault{}
	tab.run(t, &r, `return {fault: (await settled(module.NextQuill.open({model: "altered/"}).then((nq) => nq.dispose()))).fault};`)
	require.Empty(t, r.Fault)
	asked = p.site.Asked()
	require.Contains(t, asked, name)
	require.NotContains(t, strings.Join(asked, " "), "altered/model.safetensors.0", "what was right is not fetched again")
	tab.browser.TakeMessages()
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
