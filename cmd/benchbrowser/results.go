package main

import (
	"fmt"
	"io"
	"slices"

	"nextquill/core/api"
	"nextquill/report"
)

// contestant is an implementation of the step, with its measurements.
type contestant struct {
	Name string
	id   string // of the module of another implementation
	// rounds are the seconds of the steps in each round, matmul the GFLOP/s of the best matrix
	// product in each round.
	rounds [][]float64
	matmul []float64
	// processor is the CPU time of a step in each round, in seconds.
	processor []float64
	apart     float64 // the largest difference between a loss and ours
}

type results struct {
	device  string
	ours    *contestant
	rivals  []*contestant
	kernels []api.KernelBench // of our step, in the last round
}

// all returns the times of all steps.
func (c *contestant) all() []float64 { return slices.Concat(c.rounds...) }

// ratios returns the median step over ours, for each round.
func (c *contestant) ratios(ours *contestant) []float64 {
	var r []float64
	for i := range c.rounds {
		r = append(r, median(c.rounds[i])/median(ours.rounds[i]))
	}
	return r
}

func (r *results) show(out io.Writer, w *workload) {
	t := report.Terminal{Out: out, Width: 100}
	t.Title("Phases of our step, each kernel by itself")
	var rows [][]string
	var sum float64
	for _, k := range r.kernels {
		sum += k.Seconds
		speed := ""
		if k.GFLOPS > 0 {
			speed = fmt.Sprintf("%.2f", k.GFLOPS)
		}
		rows = append(rows, []string{
			k.Kernel, fmt.Sprint(k.Calls), fmt.Sprintf("%.2f", 1e3*k.Seconds), speed,
			fmt.Sprintf("%.1f %%", 100*k.Share),
		})
	}
	rows = append(rows, []string{"all", "", fmt.Sprintf("%.1f", 1e3*sum), "", ""})
	t.Table([]report.Column{
		{Name: "kernel"}, {Name: "calls", Right: true}, {Name: "ms", Right: true},
		{Name: "GFLOP/s", Right: true}, {Name: "share", Right: true},
	}, rows)

	best := 0.0
	for _, c := range append([]*contestant{r.ours}, r.rivals...) {
		best = max(best, slices.Max(c.matmul))
	}
	t.Title(fmt.Sprintf("One AdamW step, %.0f MFLOP, on %s", w.flops()/1e6, r.device))
	rows = nil
	for _, c := range append([]*contestant{r.ours}, r.rivals...) {
		all := c.all()
		ratio := ""
		if c != r.ours {
			ratios := c.ratios(r.ours)
			ratio = fmt.Sprintf("%.2f (%.2f–%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
		}
		shortest, usual := w.flops()/slices.Min(all)/1e9, w.flops()/median(all)/1e9
		rows = append(rows, []string{
			c.Name, fmt.Sprint(len(all)),
			fmt.Sprintf("%.0f (%.0f–%.0f)", 1e3*median(all), 1e3*slices.Min(all), 1e3*slices.Max(all)),
			ratio,
			fmt.Sprintf("%.0f", 1e3*median(c.processor)), fmt.Sprintf("%.2f (%.2f)", shortest, usual),
			fmt.Sprintf("%.2f", slices.Max(c.matmul)),
			fmt.Sprintf("%.0f %% (%.0f %%)", 100*shortest/best, 100*usual/best),
		})
	}
	t.Table([]report.Column{
		{Name: ""}, {Name: "steps", Right: true}, {Name: "ms: median (range)", Right: true},
		{Name: "times ours (by round)", Right: true}, {Name: "CPU ms", Right: true},
		{Name: "GFLOP/s: best (median)", Right: true}, {Name: "its best matmul", Right: true},
		{Name: "step of best matmul", Right: true},
	}, rows)
	fmt.Fprintln(out)
	t.Text(fmt.Sprintf("Times ours: median of a round over ours in the same round. "+
		"Best matmul: %.2f GFLOP/s, over all implementations and rounds.", best))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
