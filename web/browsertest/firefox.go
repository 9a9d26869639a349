package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Firefox is a page in Firefox.
type Firefox struct {
	harness
	conn    *bidi
	context string // the page's id in the protocol
	stop    func()
}

// firefoxPreferences enable WebGPU on software drivers and disable background network access.
var firefoxPreferences = map[string]any{
	"dom.webgpu.enabled":                                          true,
	"gfx.webgpu.ignore-blocklist":                                 true,
	"app.normandy.enabled":                                        false,
	"browser.shell.checkDefaultBrowser":                           false,
	"datareporting.policy.dataSubmissionEnabled":                  false,
	"network.captive-portal-service.enabled":                      false,
	"network.connectivity-service.enabled":                        false,
	"browser.safebrowsing.malware.enabled":                        false,
	"browser.safebrowsing.phishing.enabled":                       false,
	"extensions.update.enabled":                                   false,
	"services.settings.server":                                    "data:,",
	"browser.newtabpage.activity-stream.feeds.topsites":           false,
	"browser.newtabpage.activity-stream.feeds.section.topstories": false,
}

// OpenFirefox starts Firefox with WebGPU on Mesa's software driver and loads a page.
func OpenFirefox(ctx context.Context, url string) (*Firefox, error) {
	driver, err := lavapipeDriver()
	if err != nil {
		return nil, err
	}
	path, err := find(firefoxNames)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "nextquill-firefox-")
	if err != nil {
		return nil, err
	}
	f := &Firefox{stop: func() { _ = os.RemoveAll(dir) }}
	f.evaluate = f.Evaluate
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err = f.start(ctx, path, dir, driver, url); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// start starts Firefox with dir as its profile and its home.
func (f *Firefox) start(ctx context.Context, path, dir, driver, url string) error {
	if err := writePreferences(dir); err != nil {
		return err
	}
	cmd := exec.Command(path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", dir, "about:blank")
	cache, err := os.UserCacheDir() // keeps the driver's compiled shaders between runs
	if err != nil {
		cache = dir
	}
	// Firefox refuses a home that the user does not own.
	cmd.Env = append(
		os.Environ(),
		"HOME="+dir,
		"XDG_RUNTIME_DIR="+dir,
		"XDG_CACHE_HOME="+cache,
		"VK_DRIVER_FILES="+driver,
		"VK_ICD_FILENAMES="+driver,
	)
	printed, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	remove := f.stop
	f.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // its child processes end with it
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		remove()
	}
	return f.connect(ctx, printed, url)
}

func writePreferences(dir string) error {
	var text strings.Builder
	for name, value := range firefoxPreferences {
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "user_pref(%q, %s);\n", name, raw)
	}
	return os.WriteFile(filepath.Join(dir, "user.js"), []byte(text.String()), 0o600)
}

// connect waits for the address that Firefox prints, and loads the page with a function report(),
// whose argument receive takes.
func (f *Firefox) connect(ctx context.Context, printed io.Reader, url string) error {
	found := make(chan string, 1)
	go func() {
		defer close(found) // at the end of the output
		for lines := bufio.NewScanner(printed); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); ok {
				found <- address
				break
			}
		}
		_, _ = io.Copy(io.Discard, printed) // a full pipe would block Firefox
	}()
	var address string
	select {
	case address = <-found:
		if address == "" {
			return fmt.Errorf("the browser ended before it could be reached")
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	if f.conn, err = dialBiDi(ctx, strings.TrimSpace(address)+"/session", f.listen); err != nil {
		return err
	}
	type object = map[string]any
	var tree struct {
		Contexts []struct{ Context string }
	}
	report := object{
		"functionDeclaration": "(report) => { globalThis.report = report; }",
		"arguments":           []object{{"type": "channel", "value": object{"channel": "report"}}},
	}
	if err := f.conn.call(ctx, "session.new", object{"capabilities": object{}}, nil); err != nil {
		return err
	}
	if err := f.conn.call(ctx, "browsingContext.getTree", object{}, &tree); err != nil {
		return err
	}
	if len(tree.Contexts) == 0 {
		return fmt.Errorf("the browser has no page")
	}
	f.context = tree.Contexts[0].Context
	for _, step := range []struct {
		method string
		params object
	}{
		{"session.subscribe", object{
			"events": []string{"script.message", "log.entryAdded"}, "contexts": []string{f.context},
		}},
		{"script.addPreloadScript", report},
		{"browsingContext.navigate", object{"context": f.context, "url": url, "wait": "complete"}},
	} {
		if err := f.conn.call(ctx, step.method, step.params, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the browser.
func (f *Firefox) Close() {
	if f.conn != nil {
		f.conn.close()
	}
	f.stop()
}

func (f *Firefox) listen(method string, params json.RawMessage) {
	switch method {
	case "script.message":
		var e struct{ Data struct{ Value string } }
		if json.Unmarshal(params, &e) == nil {
			f.receive(e.Data.Value)
		}
	case "log.entryAdded":
		var e struct{ Level, Text string }
		if json.Unmarshal(params, &e) == nil {
			f.addMessage(e.Level + ": " + e.Text)
		}
	}
}

// AddInitScript implements Page.
func (f *Firefox) AddInitScript(script string) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	params := map[string]any{"functionDeclaration": "() => {" + script + "\n}"}
	return f.conn.call(ctx, "script.addPreloadScript", params, nil)
}

// Screenshot returns a PNG of the complete page.
func (f *Firefox) Screenshot(ctx context.Context) ([]byte, error) {
	var image struct{ Data []byte }
	err := f.conn.call(
		ctx,
		"browsingContext.captureScreenshot",
		map[string]any{"context": f.context, "origin": "document"},
		&image,
	)
	return image.Data, err
}

// Evaluate implements Page.
func (f *Firefox) Evaluate(ctx context.Context, expression string) (json.RawMessage, error) {
	var outcome struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.conn.call(ctx, "script.evaluate", map[string]any{
		"expression":   "(async () => JSON.stringify(await (" + expression + ")) ?? 'null')()",
		"target":       map[string]any{"context": f.context},
		"awaitPromise": true,
	}, &outcome)
	switch {
	case err != nil:
		return nil, err
	case outcome.Type != "success":
		return nil, fmt.Errorf("firefox: %s", outcome.ExceptionDetails.Text)
	}
	return json.RawMessage(outcome.Result.Value), nil
}
