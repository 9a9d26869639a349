package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"nextquill/core/api"
	"nextquill/report"
)

// curves measures the cost of a step for growing sizes, and writes a page and JSON.
func (c benchCmd) curves(ctx context.Context, j *job) error {
	p := newBenchPage(c.Curves)
	if err := p.prepare(); err != nil {
		return err
	}
	d := report.Curves{
		Machine: report.Machine(),
		Command: fmt.Sprintf("nextquill bench --curves %s --seconds %g", c.Curves, c.Seconds),
	}
	params := api.BenchCurvesParams{Seconds: &c.Seconds, MemoryLimit: j.loading().MemoryLimit}
	summary := func() string { return d.Curves.Device.Name }
	if err := j.call(ctx, "measure", api.MethodBenchCurves, params, &d.Curves, summary, nil); err != nil {
		return err
	}
	d.When = time.Now()
	if err := p.write(d, func(w io.Writer) error { return report.CurvesHTML(w, d) }); err != nil {
		return err
	}
	if !j.JSON {
		j.terminal().Text("Wrote " + p.html + " and " + p.json + ".")
	}
	return nil
}
