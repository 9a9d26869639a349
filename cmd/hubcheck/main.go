// Command hubcheck opens a large model in Chromium, from a server on this machine that speaks the
// layout of the Hugging Face hub. It trains the model on six short texts, writes with it, and
// cancels a second training. It prints times and the memory of Chromium's processes. It fails if
// cancelling takes more than two seconds, or if the page's process keeps the model's bytes.
//
// With --drafts it writes drafts, and fails if the guest's memory grows. With --pauses it pauses a
// training at random moments, and fails if a pause takes more than two seconds or changes the
// result.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"nextquill/core/fault"
	"nextquill/models"
	"nextquill/models/store"
	"nextquill/wasm/guest"
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
	"nextquill/web/browsertest/testfile"
	"nextquill/web/moduletest"
	"nextquill/web/moduletest/hubserver"
)

type options struct {
	Model string `arg:"" optional:"" help:"GGUF file; by default that of smollm2-135m in the model store." type:"path"`
	On    string `help:"Vulkan driver: swiftshader or lavapipe." default:"lavapipe" enum:"swiftshader,lavapipe"`
	Learn bool   `help:"Train, write and cancel." default:"true" negatable:""`
	// Drafts and Pauses are further checks.
	Drafts int `help:"Number of drafts to write; prints the time of the first piece and the guest's memory."`
	Pauses int `help:"Number of times to pause a training; compares its adapter with that of an uninterrupted one."`
}

// maxCancel bounds the time that cancelling or pausing a training may take.
const maxCancel = 2 * time.Second

const repository = "quill/large-GGUF"

func main() {
	var o options
	kong.Parse(&o, kong.Name("hubcheck"), kong.Description("Opens a large model of a hub in Chromium."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "hubcheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	if o.Model == "" {
		if o.Model, err = stored(); err != nil {
			return err
		}
	}
	model, err := os.ReadFile(o.Model)
	if err != nil {
		return err
	}
	hub := hubserver.New()
	defer hub.Close()
	hub.Push(repository, map[string][]byte{"model.q8_0.gguf": model})
	wasm, err := host.LoadGuest("")
	if err != nil {
		return err
	}
	site, err := moduletest.Serve(root, wasm, nil, models.DefaultFS())
	if err != nil {
		return err
	}
	defer site.Close()
	site.AllowRequests("hub.steps.html", hub.URL, hub.CDN)
	dir, err := os.MkdirTemp("", "hubcheck-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := open(ctx, site, o.On, dir)
	if err != nil {
		return err
	}
	defer c.browser.Close()
	return c.check(hub.URL, o)
}

// stored is the path of SmolLM2's file in the model store.
func stored() (string, error) {
	dir, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(dir, "smollm2-135m", "*.gguf"))
	if err != nil || len(files) != 1 {
		return "", fault.New(fault.Missing, filepath.Join(dir, "smollm2-135m"), "", "has no GGUF file").
			WithRemedy("run build/nextquill model get smollm2-135m, or name a GGUF file")
	}
	return files[0], nil
}

// check is one run in a page.
type check struct {
	ctx     context.Context
	browser *browsertest.Browser
	page    *testfile.Page
	before  map[string]int64 // private bytes by type of process, with the embedded model
}

func open(ctx context.Context, site *moduletest.Site, on, dir string) (*check, error) {
	script, path, err := site.AddTestFile("hub.steps")
	if err != nil {
		return nil, err
	}
	var b *browsertest.Browser
	if on == "lavapipe" {
		b, err = browsertest.OpenLavapipe(ctx, site.URL+path, dir, "disable_workgroup_init")
	} else {
		b, err = browsertest.Open(ctx, site.URL+path, "disable_workgroup_init")
	}
	if err != nil {
		return nil, err
	}
	c := &check{ctx: ctx, browser: b, page: testfile.Attach(b, script, nil)}
	if err := c.page.WaitLoaded(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return c, nil
}

// step runs a step, and prints how long it takes and what memory the browser has then.
func (c *check) step(into any, name string, args ...any) error {
	start := time.Now()
	if err := c.page.Call(c.ctx, into, name, args...); err != nil {
		return err
	}
	private, err := c.private()
	if err != nil {
		return err
	}
	memory, err := c.browser.GuestMemory(c.ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%-8s %6.1f s   private memory: renderer %d MB, of which the guest has %d MB; GPU process %d MB\n",
		name, time.Since(start).Seconds(), private["renderer"]/1e6, memory/1e6, private["GPU"]/1e6)
	return nil
}

func (c *check) private() (map[string]int64, error) {
	all, err := c.browser.Memory(c.ctx)
	if err != nil {
		return nil, err
	}
	private := map[string]int64{}
	for _, m := range all {
		private[m.Type] += m.Private
	}
	return private, nil
}

func (c *check) check(hub string, o options) (err error) {
	// The same guest with the embedded model is in the renderer before and after.
	if err := c.step(nil, "start"); err != nil {
		return err
	}
	if c.before, err = c.private(); err != nil {
		return err
	}
	var opened struct {
		Bytes  int64
		Source string
		Device struct{ Name string }
	}
	if err := c.step(&opened, "open", repository, hub); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, on %s\n", opened.Source, opened.Bytes, opened.Device.Name)
	if err := c.bounded(opened.Bytes); err != nil {
		return err
	}
	if o.Drafts > 0 {
		if err := c.drafts(o.Drafts); err != nil {
			return err
		}
	}
	if o.Pauses > 0 {
		if err := c.pauses(o.Pauses); err != nil {
			return err
		}
	}
	if !o.Learn {
		return nil
	}
	var written struct {
		Text   string
		Tokens int
	}
	if err := c.step(&written, "write", true); err != nil {
		return err
	}
	if err := c.bounded(opened.Bytes); err != nil {
		return err
	}
	steps, err := c.learn()
	if err != nil {
		return err
	}
	if err := c.step(&written, "write", false); err != nil {
		return err
	}
	fmt.Printf("%d steps; %d tokens: %q\n", steps, written.Tokens, written.Text)
	var milliseconds float64
	if err := c.step(&milliseconds, "cancel"); err != nil {
		return err
	}
	took := time.Duration(milliseconds * float64(time.Millisecond))
	fmt.Printf("cancelled in %.2f s\n", took.Seconds())
	if took > maxCancel {
		return fault.New(fault.OutOfRange, "cancel", "", "took %v", took).WithLimit("%v", maxCancel)
	}
	return nil
}

// learn trains the model.
func (c *check) learn() (steps int, err error) {
	start := time.Now()
	if err := c.page.Call(c.ctx, nil, "learn"); err != nil {
		return 0, err
	}
	if steps, err = c.finish(); err != nil {
		return 0, err
	}
	fmt.Printf("learnt from six texts in %.0f s\n", time.Since(start).Seconds())
	return steps, nil
}

// finish waits for the run. A step of the test file must end soon, so it asks several times.
func (c *check) finish() (steps int, err error) {
	for steps == 0 {
		if err := c.step(&steps, "learnt"); err != nil {
			return 0, err
		}
	}
	return steps, nil
}

// bounded fails if the page's process has grown by so much that it may keep the model's bytes.
func (c *check) bounded(model int64) error {
	now, err := c.private()
	if err != nil {
		return err
	}
	grown := now["renderer"] - c.before["renderer"]
	fmt.Printf("the renderer has grown by %d MB; the model has %d MB\n", grown/1e6, model/1e6)
	if grown >= model {
		return fault.New(fault.TooLarge, "renderer", "", "has grown by %d bytes", grown).WithLimit("%d bytes", model)
	}
	return nil
}
