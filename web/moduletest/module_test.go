package moduletest_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/gpu"
	"nextquill/core/jobs"
	"nextquill/core/rpc"
	"nextquill/models"
	"nextquill/models/convert"
	"nextquill/models/manifest"
	"nextquill/native"
	"nextquill/web/browsertest"
)

// TestModule and TestFaults run before all others: TestFaults crashes the GPU process that all tabs
// share. The other tests run in parallel, since much of their time is waiting.

// TestModule runs the test files of what the module does on a device where nothing fails, and of
// broken downloads. The pages print nothing, and their policy blocks nothing.
func TestModule(t *testing.T) {
	for _, name := range []string{
		"decode", "words", "clip", "kept", "compare", "languages", "import", "history", "download", "arguments",
		"lifecycle", "longtexts",
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, name+".test").openTab()
			defer p.Close()
			p.RunTests(t)
			require.Empty(t, p.TakeMessages())
		})
	}
}

// TestFaults runs the test files in which the device fails, and of leaks.
func TestFaults(t *testing.T) {
	for _, name := range []string{"losses", "quota", "leaks"} {
		t.Run(name, func(t *testing.T) {
			f := load(t, name+".test")
			p := f.openTab()
			defer p.Close()
			defer func() { require.NoError(t, f.browser.SetQuota(f.origin, 0)) }()
			p.RunTests(t)
		})
	}
}

// TestWithoutGPU runs its test file in a Chromium without WebGPU.
func TestWithoutGPU(t *testing.T) {
	t.Parallel()
	b, err := browsertest.OpenWithoutGPU(t.Context(), "about:blank")
	require.NoError(t, err)
	defer b.Close()
	site, err := sharedSite()
	require.NoError(t, err)
	loadIn(t, b, site, "nogpu.test").openTab().RunTests(t)
}

// TestConverted runs the test file of a model that convert.Folder has written: quantized, in
// shards.
func TestConverted(t *testing.T) {
	t.Parallel()
	f := load(t, "converted.test")
	dir := filepath.Join(t.TempDir(), "q8")
	m, err := convert.Folder(
		t.Context(),
		blob.FromFS(models.DefaultFS()),
		"",
		dir,
		convert.Options{Name: "small", To: "q8", Shard: 1 << 20},
	)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var files []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		f.site.Put("q8/"+e.Name(), data)
		files = append(files, "q8/"+e.Name())
	}
	text, err := writeNative(t.Context(), m, dir)
	require.NoError(t, err)
	f.commands["expected"] = func(context.Context, []json.RawMessage) (any, error) {
		return map[string]any{"files": files, "bytes": m.Size(), "text": text}, nil
	}
	p := f.openTab()
	defer p.Close()
	p.RunTests(t)
}

// writeNative writes a text with the model's files in this process.
func writeNative(ctx context.Context, m manifest.Manifest, dir string) (string, error) {
	store := manifest.Joined(m, blob.FromFS(os.DirFS(dir)))
	device, err := native.Open(store)
	if err != nil {
		return "", err
	}
	defer device.Close()
	e := engine.New(engine.Host{GPU: gpu.NewContext(device), Blobs: store})
	var r api.WriteResult
	err = rpc.Local(e.NewServer(jobs.Methods(e))).Call(ctx, "write", api.WriteParams{
		Context: []api.Field{{Name: "word", Value: "ambition"}}, NoHistory: true,
		Sampling: api.Sampling{MaxTokens: new(12)},
	}, &r, nil)
	return strings.TrimSpace(r.Text), err
}
