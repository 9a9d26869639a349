package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/wasm/guest"
	"nextquill/wasm/host"
	"nextquill/web/browsertest"
	"nextquill/web/bundle"
)

// parity is how many losses of the rivals are compared with ours, and tolerance by how many nats
// they may differ: f32 sums in different orders, carried through Adam.
const (
	parity    = 6
	tolerance = 2e-3
)

// matmulSize is the square product that rivals are measured on; ours are the sizes of
// kernels.MatmulBest.
const matmulSize = 1024

// page is the browser page with all implementations.
type page struct {
	browsertest.Page
	progress io.Writer
}

// run writes the results to out.
func run(ctx context.Context, o options, out, progress io.Writer) error {
	wasm, err := host.LoadTestGuest(o.Guest)
	if err != nil {
		return err
	}
	root, err := guest.Root(ctx)
	if err != nil {
		return err
	}
	site := filepath.Join(o.Out, "site")
	w := newWorkload()
	if err := w.write(site); err != nil {
		return err
	}
	if err := bundle.Install(ctx, filepath.Join(root, "web/benchbrowser"), o.Out); err != nil {
		return err
	}
	for _, rival := range o.Rivals {
		if err := bundleRival(root, o.Out, rival, site); err != nil {
			return err
		}
	}
	server, err := browsertest.Serve(root, map[string][]byte{"nextquill.wasm": wasm}, os.DirFS(site))
	if err != nil {
		return err
	}
	defer server.Close()
	browser, err := openOn(ctx, o, server.URL)
	if err != nil {
		return err
	}
	defer browser.Close()
	p := &page{browser, progress}
	r, err := p.measure(ctx, o)
	if err != nil {
		for _, line := range p.TakeMessages() {
			fmt.Fprintln(progress, line)
		}
		return err
	}
	r.show(out, w)
	return nil
}

func openOn(ctx context.Context, o options, url string) (browsertest.Page, error) {
	switch o.On {
	case "lavapipe":
		return browsertest.OpenLavapipe(ctx, url, filepath.Join(o.Out, "layer"), o.Dawn...)
	case "firefox":
		return browsertest.OpenFirefox(ctx, url)
	}
	return browsertest.Open(ctx, url, o.Dawn...)
}

// measure runs all rounds.
func (p *page) measure(ctx context.Context, o options) (*results, error) {
	r := &results{ours: &contestant{Name: "NextQuill"}}
	if err := p.openOurs(ctx, r); err != nil {
		return nil, err
	}
	for _, id := range o.Rivals {
		c := &contestant{id: id}
		if err := p.openRival(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		r.rivals = append(r.rivals, c)
	}
	// The first call compiles all shaders, and its losses are the reference.
	begun, used := time.Now(), processorSeconds()
	first, err := p.stepOurs(ctx, parity, true)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(p.progress, "%s: tuned and compiled for this device in %.1f s (CPU %.1f s)\n",
		r.ours.Name, time.Since(begun).Seconds(), processorSeconds()-used)
	for _, c := range r.rivals {
		t, err := p.stepRival(ctx, c, parity+1)
		if err != nil {
			return nil, err
		}
		if err := c.agrees(t.Results, first.Steps[0].Losses); err != nil {
			return nil, err
		}
		fmt.Fprintf(p.progress, "%s: losses of %d steps agree with ours to %.1g (%.4f to %.4f)\n",
			c.Name, parity, c.apart, t.Results[0], t.Results[parity])
	}
	for round := range o.Rounds {
		fmt.Fprintf(p.progress, "round %d of %d:", round+1, o.Rounds)
		if err := p.round(ctx, o, r, round); err != nil {
			return nil, err
		}
		fmt.Fprintln(p.progress)
	}
	return r, nil
}

// round gives each implementation a turn, first with steps, then with matrix products. The order
// changes from round to round.
func (p *page) round(ctx context.Context, o options, r *results, round int) error {
	all := append([]*contestant{r.ours}, r.rivals...)
	for i := range all {
		c := all[(i+round)%len(all)]
		steps := o.Steps
		if c.id == "tfjs" {
			steps = max(1, steps/4)
		}
		used := processorSeconds()
		var seconds []float64
		if c == r.ours {
			b, err := p.stepOurs(ctx, steps, true)
			if err != nil {
				return err
			}
			seconds = b.Steps[0].Runs
			steps++ // the first step is not timed
		} else {
			t, err := p.stepRival(ctx, c, steps)
			if err != nil {
				return err
			}
			seconds = t.Seconds
		}
		c.rounds = append(c.rounds, seconds)
		c.processor = append(c.processor, (processorSeconds()-used)/float64(steps))
		fmt.Fprintf(p.progress, " %s %.0f ms (CPU %.0f);",
			c.Name, 1e3*median(seconds), 1e3*c.processor[len(c.processor)-1])
	}
	for i := range all {
		c := all[(i+round)%len(all)]
		var product float64
		if c == r.ours {
			b, err := p.stepOurs(ctx, 1, false)
			if err != nil {
				return err
			}
			product, r.kernels = b.MatmulGFLOPS, b.Kernels
		} else if err := p.rival(ctx, &product, c.id, fmt.Sprintf("matmul(%d)", matmulSize)); err != nil {
			return err
		}
		c.matmul = append(c.matmul, product)
	}
	return nil
}

func (p *page) openOurs(ctx context.Context, r *results) error {
	var opened struct {
		Device gpu.Info `json:"device"`
	}
	options := map[string]any{"wasm": "nextquill.wasm", "blobs": map[string]any{"kind": "memory"}}
	if err := p.CallHarness(ctx, &opened, "open", options); err != nil {
		return err
	}
	r.device = opened.Device.Name
	return p.CallHarness(ctx, nil, "put", []string{"model/config.json", "model/model.safetensors", "batch.json"})
}

// stepOurs runs steps from the initial weights. It runs one more step first, which is not timed.
func (p *page) stepOurs(ctx context.Context, steps int, only bool) (*api.BenchResult, error) {
	var b api.BenchResult
	err := p.Call(ctx, api.MethodBench, api.BenchParams{
		Model: "model", Full: true, Presets: []string{"sft"}, Batch: "batch.json", LR: new(newWorkload().LR),
		Prefix: 1, History: 1, Suffix: 1, Response: 1, Repeats: &steps, StepsOnly: only,
	}, &b, nil)
	return &b, err
}

// times are the timed steps of another implementation, and their losses.
type times struct {
	Seconds []float64 `json:"seconds"`
	Results []float64 `json:"results"`
}

func (p *page) openRival(ctx context.Context, c *contestant) error {
	script := fmt.Sprintf(`(async () => {
		const module = await import("./files/%s.js");
		(globalThis.rivals ??= {})[%q] = await module.open();
		return rivals[%q].name;
	})()`, c.id, c.id, c.id)
	return p.decoded(ctx, &c.Name, script)
}

func (p *page) stepRival(ctx context.Context, c *contestant, steps int) (t times, err error) {
	return t, p.rival(ctx, &t, c.id, fmt.Sprintf("steps(%d)", steps))
}

func (p *page) rival(ctx context.Context, result any, id, call string) error {
	return p.decoded(ctx, result, fmt.Sprintf("rivals[%q].%s", id, call))
}

func (p *page) decoded(ctx context.Context, result any, script string) error {
	raw, err := p.Evaluate(ctx, script)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, result)
}

// agrees compares the losses of another implementation with ours, which begin one step later.
func (c *contestant) agrees(theirs, ours []float64) error {
	for i, want := range ours {
		d := math.Abs(theirs[i+1] - want)
		if !(d <= tolerance) {
			return fault.New(fault.Mismatch, c.Name, "loss", "%.6f after %d steps, ours is %.6f",
				theirs[i+1], i+1, want).
				WithRemedy("the implementations compute different results, so their speed cannot be compared")
		}
		c.apart = max(c.apart, d)
	}
	return nil
}
