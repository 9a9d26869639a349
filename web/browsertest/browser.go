// Package browsertest drives Chromium and Firefox for the tests of web/.
//
// Open, OpenLavapipe, OpenWithoutGPU and OpenFirefox start a browser with an empty profile and load
// a page. The page runs scripts (Evaluate), takes input (input.go), shows itself in a viewport
// (viewport.go), and tells what it has printed (TakeMessages). Chromium can also open tabs and
// crash them (tab.go), record all network requests (network.go), trace the main thread (tasks.go)
// and check accessibility (axe.go).
//
// The package's own tests run the browser's host (web/host): Serve serves harness.ts, a page that
// opens a session, with the strictest Content Security Policy that the product supports. Package
// testfile runs TypeScript test files.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"

	"nextquill/core/fault"
)

// Browser is a page, that is a tab, in Chromium.
type Browser struct {
	ctx     context.Context
	close   func()
	address string // of the DevTools protocol, for cdpConn
	harness
}

// chromiumNames and firefoxNames are the browsers' executables on different systems, Debian's
// first.
var (
	chromiumNames = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}
	firefoxNames  = []string{"firefox-esr", "firefox"}
)

// find looks for an executable in PATH.
func find(names []string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fault.New(fault.Missing, names[0], "", "no %s in PATH", names[0]).
		WithRemedy("install it: apt-get install %s", names[0])
}

// Open starts Chromium with WebGPU on the CPU (SwiftShader) and loads a page. Other settings are
// the defaults, except that background network access is off. dawnFeatures are switched on in Dawn,
// Chromium's WebGPU: disable_workgroup_init makes shaders compile many times faster.
func Open(ctx context.Context, url string, dawnFeatures ...string) (*Browser, error) {
	return openGPU(ctx, url, dawnFeatures)
}

func openGPU(
	ctx context.Context,
	url string,
	dawnFeatures []string,
	options ...chromedp.ExecAllocatorOption,
) (*Browser, error) {
	options = append(options, chromedp.Flag("enable-unsafe-webgpu", true))
	if len(dawnFeatures) > 0 {
		options = append(options, chromedp.Flag("enable-dawn-features", strings.Join(dawnFeatures, ",")))
	}
	return open(ctx, url, options...)
}

// OpenWithoutGPU starts Chromium as on a device with a blocklisted GPU: WebGPU offers no adapter.
func OpenWithoutGPU(ctx context.Context, url string) (*Browser, error) { return open(ctx, url) }

func open(ctx context.Context, url string, options ...chromedp.ExecAllocatorOption) (*Browser, error) {
	path, err := find(chromiumNames)
	if err != nil {
		return nil, err
	}
	b := &Browser{}
	dial := func(ctx context.Context, address string) (chromedp.Transport, error) {
		b.address = address
		return remote.DialContext(ctx, address)
	}
	allocator, closeAllocator := chromedp.NewExecAllocator(ctx, append(options,
		chromedp.WithDialer(dial),
		chromedp.ExecPath(path),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)...)
	page, closePage := chromedp.NewContext(allocator)
	b.ctx, b.close = page, func() { closePage(); closeAllocator() }
	if err := b.load(url); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func (b *Browser) load(url string) error {
	b.evaluate = b.Evaluate
	err := chromedp.Listen(b.ctx, b.listen)
	if err == nil {
		err = chromedp.Do(b.ctx, chromedp.Func(enable), chromedp.Navigate(url))
	}
	if err != nil {
		b.close()
	}
	return err
}

func enable(ctx context.Context, t *chromedp.Target) error {
	if _, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := cdp.Call(ctx, t, runtime.AddBinding, runtime.AddBindingParams{Name: "report"})
	return err
}

// Close ends the browser.
func (b *Browser) Close() { b.close() }

// listen runs on the goroutine that reads from the browser and must not wait for the page.
func (b *Browser) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventBindingCalled:
		b.receive(e.Payload)
	case *runtime.EventConsoleAPICalled:
		var parts []string
		for _, a := range e.Args {
			parts = append(parts, strings.Trim(string(a.Value), `"`)+a.Description)
		}
		b.addMessage(string(e.Type) + ": " + strings.Join(parts, " "))
	case *runtime.EventExceptionThrown:
		b.addMessage("exception: " + exception(e.ExceptionDetails))
	case *log.EventEntryAdded:
		b.addMessage(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

func exception(e *runtime.ExceptionDetails) string {
	if e.Exception != nil {
		return e.Text + " " + e.Exception.Description
	}
	return e.Text
}

// Evaluate implements Page. The page's policy does not apply to the script.
func (b *Browser) Evaluate(ctx context.Context, script string) (json.RawMessage, error) {
	type outcome struct {
		raw []byte
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		raw, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]byte](script, chromedp.EvalAwaitPromise))
		done <- outcome{raw, err}
	}()
	select {
	case o := <-done:
		return o.raw, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
