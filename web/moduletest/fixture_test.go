package moduletest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/models"
	"nextquill/wasm/guest"
	"nextquill/wasm/guest/guesttest"
	"nextquill/web/browsertest"
	"nextquill/web/browsertest/testfile"
	"nextquill/web/moduletest"
)

// The tests share one site, except TestDownload, and one Chromium, except TestWithoutGPU. Each test
// file has an origin of its own (http://NAME.localhost), so it starts with empty storage.
var (
	sharedSite    = sync.OnceValues(newSite)
	sharedBrowser = sync.OnceValues(func() (*browsertest.Browser, error) {
		dir, err := os.MkdirTemp("", "nextquill-lavapipe-")
		if err != nil {
			return nil, err
		}
		atEnd(func() { _ = os.RemoveAll(dir) })
		// Each page that opens a GPU compiles all shaders again. Mesa keeps them on disk,
		// SwiftShader does not. Without workgroup initialization they compile twice as fast; the
		// host's own tests run with it.
		b, err := browsertest.OpenLavapipe(context.Background(), "about:blank", dir, "disable_workgroup_init")
		if err == nil {
			atEnd(b.Close)
		}
		return b, err
	})
	closersMutex sync.Mutex
	closers      []func()
)

// newSite starts a site with the embedded model in model/ and two tiny models.
func newSite() (*moduletest.Site, error) {
	root, err := guest.Root(context.Background())
	if err != nil {
		return nil, err
	}
	wasm, err := guesttest.LoadShips()
	if err != nil {
		return nil, err
	}
	imports, err := guesttest.LoadImport()
	if err != nil {
		return nil, err
	}
	site, err := moduletest.Serve(root, wasm, imports, models.DefaultFS())
	if err != nil {
		return nil, err
	}
	atEnd(site.Close)
	for folder, m := range map[string]struct {
		seed      uint64
		shardSize int
	}{"tiny": {1, 0}, "tiny2": {2, 100_000}} {
		tiny, err := moduletest.TinyModel(models.DefaultFS(), 4096, m.seed)
		if err != nil {
			return nil, err
		}
		if err := site.AddModel(folder, "default", tiny, m.shardSize); err != nil {
			return nil, err
		}
	}
	return site, nil
}

func atEnd(f func()) {
	closersMutex.Lock()
	defer closersMutex.Unlock()
	closers = append(closers, f)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, closeOne := range slices.Backward(closers) {
		closeOne()
	}
	os.Exit(code)
}

// fixture is a test file on the shared site. Its pages are tabs of the browser.
type fixture struct {
	*testing.T
	site     *moduletest.Site
	browser  *browsertest.Browser
	script   *testfile.Script
	origin   string
	path     string
	commands testfile.Commands
}

// load serves tests/<name>.ts for pages in the shared browser.
func load(t *testing.T, name string) *fixture {
	t.Helper()
	b, err := sharedBrowser()
	require.NoError(t, err)
	site, err := sharedSite()
	require.NoError(t, err)
	return loadIn(t, b, site, name)
}

func loadIn(t *testing.T, b *browsertest.Browser, site *moduletest.Site, name string) *fixture {
	t.Helper()
	f := &fixture{T: t, site: site, browser: b}
	var err error
	f.script, f.path, err = site.AddTestFile(name)
	require.NoError(t, err)
	host, _, _ := strings.Cut(name, ".")
	f.origin = strings.Replace(site.URL, "127.0.0.1", strings.ToLower(host)+".localhost", 1)
	f.commands = testfile.Commands{
		"takeRequests": func(context.Context, []json.RawMessage) (any, error) {
			return append([]string{}, site.TakeRequests()...), nil // JSON of an empty list, not null
		},
		"failNext": command2(func(file string, after []int) (any, error) {
			site.FailNext(file, after...)
			return nil, nil
		}),
		"size":        command1(func(file string) (any, error) { return site.Size(file), nil }),
		"largestFile": command1(func(folder string) (any, error) { return site.LargestFile(folder), nil }),
		"flipBit": command2(func(file string, offset int) (any, error) {
			data := site.File(file)
			if offset >= len(data) {
				return nil, fmt.Errorf("%s has %d bytes", file, len(data))
			}
			data[offset] ^= 1
			site.Put(file, data)
			return nil, nil
		}),
		"serveStartPage": func(context.Context, []json.RawMessage) (any, error) {
			site.Put("spa/manifest.json", []byte("<!doctype html><title>Start</title>"))
			return nil, nil
		},
		"setQuota": command1(func(bytes float64) (any, error) { return nil, b.SetQuota(f.origin, bytes) }),
		"crashGPU": func(ctx context.Context, _ []json.RawMessage) (any, error) { return nil, b.CrashGPU(ctx) },
	}
	return f
}

func command1[A any](f func(A) (any, error)) func(context.Context, []json.RawMessage) (any, error) {
	return func(_ context.Context, args []json.RawMessage) (any, error) {
		var a A
		if err := decode(args, &a); err != nil {
			return nil, err
		}
		return f(a)
	}
}

func command2[A, B any](f func(A, B) (any, error)) func(context.Context, []json.RawMessage) (any, error) {
	return func(_ context.Context, args []json.RawMessage) (any, error) {
		var a A
		var b B
		if err := decode(args, &a, &b); err != nil {
			return nil, err
		}
		return f(a, b)
	}
}

func decode(args []json.RawMessage, into ...any) error {
	if len(args) != len(into) {
		return fmt.Errorf("%d arguments, not %d", len(args), len(into))
	}
	for i, arg := range args {
		if err := json.Unmarshal(arg, into[i]); err != nil {
			return err
		}
	}
	return nil
}

// tab is a page with the test file in a tab of its own.
type tab struct {
	*testfile.Page
	fixture *fixture
	browser *browsertest.Browser
}

// openTab opens the test file in another tab. The caller closes it.
func (f *fixture) openTab() *tab {
	f.Helper()
	b, err := f.browser.OpenTab(f.origin + f.path)
	require.NoError(f, err)
	page := testfile.Attach(b, f.script, f.commands)
	f.commands["takeMessages"] = func(context.Context, []json.RawMessage) (any, error) {
		return append([]string{}, b.TakeMessages()...), nil
	}
	require.NoError(f, page.WaitLoaded(f.Context()))
	return &tab{page, f, b}
}

// call calls a step of the test file.
func (p *tab) call(into any, step string, args ...any) {
	p.fixture.Helper()
	require.NoError(p.fixture, p.Call(p.fixture.Context(), into, step, args...))
}
