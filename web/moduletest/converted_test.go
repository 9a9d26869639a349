package moduletest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/core/engine"
	"nextquill/core/jobs"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
	"nextquill/native"
)

// TestConvertedModel opens what `nextquill model convert` writes, a quantised model in shards, by its manifest's address, and lets it
// write what it writes on this machine.
func TestConvertedModel(t *testing.T) {
	p := start(t)
	dir := filepath.Join(t.TempDir(), "q8")
	m, err := convert.Folder(t.Context(), blob.FromFS(models.DefaultFS()), "", dir, convert.Options{Name: "small", To: "q8", Shard: 1 << 20})
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var shards []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		p.site.Put("q8/"+e.Name(), data)
		shards = append(shards, "q8/"+e.Name())
	}
	require.Greater(t, len(shards), 5)

	var r struct {
		Name  string
		Bytes int64
		Text  string
	}
	const open = `
		const nq = await module.NextQuill.open({model: "q8/manifest.json"});
		const {text} = await nq.write({context: {word: "ambition"}, plain: true, temperature: 0, repetitionPenalty: 1, maxTokens: 12}).result;
		await nq.dispose();
		return {name: nq.model.name, bytes: nq.model.bytes, text};`
	p.site.Asked()
	p.run(t, &r, open)
	require.Equal(t, "small", r.Name)
	require.Equal(t, m.Size(), r.Bytes)
	asked := slices.DeleteFunc(p.site.Asked(), func(name string) bool { return !strings.HasPrefix(name, "q8/") })
	require.ElementsMatch(t, shards, slices.Compact(slices.Sorted(slices.Values(asked))))
	require.Equal(t, headless(t, m, dir), r.Text)

	// A shard that is altered is not used; what is on the device is.
	p.run(t, &r, open)
	asked = slices.DeleteFunc(p.site.Asked(), func(name string) bool { return !strings.HasPrefix(name, "q8/") })
	require.Equal(t, []string{"q8/manifest.json"}, asked)
	p.run(t, nil, `await module.forget();`)
	shard := p.site.File("q8/model.gguf.001")
	shard[100] ^= 1
	p.site.Put("q8/model.gguf.001", shard)
	var refused struct {
		Fault struct{ Kind, Message string }
	}
	p.run(t, &refused, `return await settled(module.NextQuill.open({model: "q8/"}));`)
	require.Equal(t, "mismatch", refused.Fault.Kind)
	require.Contains(t, refused.Fault.Message, "model.gguf")
}

// headless is the same text by the same files, in this process.
func headless(t *testing.T, m manifest.Manifest, dir string) string {
	store := manifest.Joined(m, blob.FromFS(os.DirFS(dir)))
	device, err := native.Open(store)
	require.NoError(t, err)
	defer device.Close()
	e := engine.New(engine.Host{GPU: gpu.NewContext(device), Blobs: store})
	var r api.WriteResult
	err = rpc.Local(e.Serve(jobs.Methods(e))).Call(t.Context(), "write", api.WriteParams{
		Context: []api.Field{{Name: "word", Value: "ambition"}}, NoHistory: true, Sampling: api.Sampling{MaxTokens: 12},
	}, &r, nil)
	require.NoError(t, err)
	return strings.TrimSpace(r.Text)
}
