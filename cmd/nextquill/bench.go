package main

import (
	"context"
	"errors"
	"fmt"

	"nextquill/core/api"
	"nextquill/report"
)

type benchCmd struct {
	Prefix    int      `group:"bench" default:"200" api:"BenchParams.Prefix" help:"Tokens before the history."`
	History   int      `group:"bench" default:"1000" api:"BenchParams.History" help:"Tokens of history."`
	Suffix    int      `group:"bench" default:"60" api:"BenchParams.Suffix" help:"Tokens between history and response."`
	Response  int      `group:"bench" default:"200" api:"BenchParams.Response" help:"Tokens of the response."`
	Repeats   int      `group:"bench" default:"3" api:"BenchParams.Repeats" help:"Number of measurements; the fastest one counts."`
	Rank      int      `group:"bench" default:"8" api:"LoRA.Rank" help:"Rank of the LoRA adapter."`
	Bases     []string `group:"bench" placeholder:"BASE" help:"Compare these base formats instead, measured in turns, such as f32,q8,q4."`
	Recompute bool     `group:"bench" help:"Recompute activations in the backward pass."`
	Report    string   `group:"bench" placeholder:"FILE" xor:"page" help:"Instead, test and measure all kernels and several models on this device, in less than 10 minutes, and write FILE as a page (.html), with all figures next to it (.json)."`
	Curves    string   `group:"bench" placeholder:"FILE" xor:"page" help:"Instead, measure memory and time of a training step for growing context, history, rank and vocabulary, and write FILE as a page (.html), with all figures next to it (.json). Steps that need more than --memory (2 GiB) are not timed."`
	Seconds   float64  `group:"bench" default:"600" api:"BenchCurvesParams.Seconds" help:"Time for the steps of --curves, after which no further one begins."`
	globals
}

func (benchCmd) Help() string {
	return `Measures every kernel of a training step, complete steps, writing, and the fastest matrix
product on the same device.

  nextquill bench
  nextquill bench --history 400 --repeats 5
  nextquill bench --bases f32,f16,q8,q4
  nextquill bench --report device.html
  nextquill bench --curves curves.html --seconds 300

The core runs in this process. To measure a guest, name one that contains the benchmark:

  nextquill bench --wasm build/nextquill-test.wasm`
}

func (c benchCmd) Run(ctx context.Context, a *app) (err error) {
	if c.Wasm == "" {
		c.Engine = "native" // the guest that ships does not contain the method
	}
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	if c.Report != "" {
		return c.report(ctx, j)
	}
	if c.Curves != "" {
		return c.curves(ctx, j)
	}

	var r api.BenchResult
	params := api.BenchParams{
		Loading: j.loading(), Model: modelDir, LoRA: api.LoRA{Rank: &c.Rank, Alpha: new(2 * float64(c.Rank))},
		Prefix: c.Prefix, History: c.History, Suffix: c.Suffix, Response: c.Response, Repeats: &c.Repeats,
		Bases: c.Bases, Recompute: c.Recompute,
	}
	summary := func() string { return r.Device }
	if err := j.call(ctx, "bench", api.MethodBench, params, &r, summary, nil); err != nil || a.JSON {
		return err
	}
	if len(c.Bases) > 0 {
		showBases(a.terminal(), r)
		return nil
	}
	showBench(a.terminal(), c, r)
	return nil
}

// showBases compares each base format with the first.
func showBases(t report.Terminal, r api.BenchResult) {
	t.Title("Bases on " + r.Device + ", packed tokens per second")
	var rows [][]string
	for _, b := range r.Bases {
		rate := func(v, first float64) string { return fmt.Sprintf("%.0f (%.2f×)", v, v/first) }
		rows = append(rows, []string{b.Base, report.Bytes(b.Bytes), rate(b.Train, r.Bases[0].Train),
			rate(b.Forward, r.Bases[0].Forward)})
	}
	t.Table([]report.Column{{Name: "base"}, {Name: "weights", Right: true}, {Name: "training step", Right: true},
		{Name: "forward", Right: true}}, rows)
}

func showBench(t report.Terminal, c benchCmd, r api.BenchResult) {
	t.Title(fmt.Sprintf("Kernels of a step: prefix %d, history %d, suffix %d, response %d tokens", c.Prefix, c.History,
		c.Suffix, c.Response))
	var rows [][]string
	for _, k := range r.Kernels {
		rows = append(rows, []string{k.Kernel, fmt.Sprint(k.Calls), fmt.Sprintf("%.2f", 1e3*k.Seconds),
			gflops(k.GFLOPS), fmt.Sprintf("%.1f %%", 100*k.Share)})
	}
	t.Table([]report.Column{{Name: "kernel"}, {Name: "calls", Right: true}, {Name: "ms", Right: true},
		{Name: "GFLOP/s", Right: true}, {Name: "share", Right: true}}, rows)

	t.Title(fmt.Sprintf("Steps on %s; fastest matmul: %s GFLOP/s", r.Device, gflops(r.MatmulGFLOPS)))
	rows = nil
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Preset, fmt.Sprint(s.Tokens), fmt.Sprintf("%.1f", 1e3*s.Seconds),
			gflops(s.GFLOPS), fmt.Sprintf("%.0f %%", 100*s.Utilization)})
	}
	t.Table([]report.Column{{Name: "preset"}, {Name: "tokens", Right: true}, {Name: "ms", Right: true},
		{Name: "GFLOP/s", Right: true}, {Name: "of the fastest matmul", Right: true}}, rows)
	fmt.Fprintln(t.Out)
	t.Text(fmt.Sprintf("Writing after %d tokens: %.1f tokens per second, %.1f with steering; %d dispatches per token.",
		c.Prefix, 1/r.Decode[0].TokenSeconds, 1/r.Decode[1].TokenSeconds, r.Decode[0].Dispatches))
	t.Text(fmt.Sprintf("A nextquill-code step takes %.2f times as long as a contextsft step. GPU memory: at most %s.",
		r.Ratio, report.Bytes(r.PeakBytes)))
}

// gflops returns an empty cell for kernels that only move data.
func gflops(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", v)
}
