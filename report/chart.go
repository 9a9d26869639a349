package report

import (
	"fmt"
	"math"
	"strings"

	"nextquill/core/causal"
)

// Geometry of a chart in SVG user units. The page scales it to its column.
const (
	chartW, chartH         = 280.0, 170.0
	padL, padR, padT, padB = 34.0, 6.0, 10.0, 26.0
	plotL, plotR           = padL, chartW - padR
	plotT, plotB           = padT, chartH - padB
	labelGap               = 13.0 // between the baselines of two labels
	ticksX, ticksY         = 4, 4
	smoothing              = .85 // weight of previous values in the running mean
	minToSmooth            = 12  // with fewer points, no running mean is shown
)

// chart is a line chart with its final coordinates. The template only prints it.
type chart struct {
	Title  string
	Note   string
	W, H   float64
	XTicks []tick
	YTicks []tick
	Lines  []line
	Left   float64
	Right  float64
	Bottom float64
}

type tick struct {
	At    float64
	Label string
}

// line is a curve. A running mean also has its raw points behind it.
type line struct {
	Class  string
	Path   string
	Raw    string
	Points []point
	Label  string
	LX, LY float64
}

type point struct{ X, Y float64 }

// series is the input of a chart.
type series struct {
	Name   string
	Class  string // colour, see report.css
	Points []point
	Smooth bool
	Dots   bool
}

// layout scales the series into a chart and drops points that are not finite. ok is false if there
// is nothing to draw.
func layout(title, note string, all []series) (c chart, ok bool) {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for i := range all {
		finite := all[i].Points[:0:0]
		for _, p := range all[i].Points {
			if d := p.X - p.X + p.Y - p.Y; d != 0 { // Inf − Inf and NaN − NaN are NaN, which differs from 0
				continue
			}
			finite = append(finite, p)
			lo = point{min(lo.X, p.X), min(lo.Y, p.Y)}
			hi = point{max(hi.X, p.X), max(hi.Y, p.Y)}
		}
		all[i].Points = finite
	}
	if lo.X > hi.X {
		return chart{}, false
	}
	if lo.X == hi.X {
		hi.X++
	}
	if lo.Y == hi.Y {
		lo.Y, hi.Y = lo.Y-.5, hi.Y+.5
	}
	step := niceStep((hi.Y - lo.Y) / ticksY)
	lo.Y, hi.Y = math.Floor(lo.Y/step)*step, math.Ceil(hi.Y/step)*step

	c = chart{Title: title, Note: note, W: chartW, H: chartH, Left: plotL, Right: plotR, Bottom: plotB}
	x := func(v float64) float64 { return round(plotL + (v-lo.X)/(hi.X-lo.X)*(plotR-plotL)) }
	y := func(v float64) float64 { return round(plotB - (v-lo.Y)/(hi.Y-lo.Y)*(plotB-plotT)) }
	for v := lo.Y; v <= hi.Y+step/2; v += step {
		c.YTicks = append(c.YTicks, tick{y(v), decimals(v, stepDigits(step))})
	}
	stepX := max(1, niceStep((hi.X-lo.X)/ticksX))
	for v := math.Ceil(lo.X/stepX) * stepX; v <= hi.X; v += stepX {
		c.XTicks = append(c.XTicks, tick{x(v), decimals(v, stepDigits(stepX))})
	}
	for _, s := range all {
		if len(s.Points) == 0 {
			continue
		}
		l := line{Class: s.Class, Label: s.Name}
		scaled := make([]point, len(s.Points))
		for i, p := range s.Points {
			scaled[i] = point{x(p.X), y(p.Y)}
		}
		l.Path = path(scaled)
		if s.Smooth && len(scaled) >= minToSmooth {
			l.Raw, l.Path = l.Path, path(smooth(scaled))
		}
		if s.Dots {
			l.Points = scaled
		}
		// Losses usually fall, so the upper right corner is free.
		l.LX, l.LY = plotR, plotT+12+labelGap*float64(len(c.Lines))
		c.Lines = append(c.Lines, l)
	}
	if len(c.Lines) == 1 {
		c.Lines[0].Label = "" // the title is sufficient
	}
	return c, true
}

// smooth returns the exponentially weighted running mean, with bias correction for the start.
func smooth(points []point) []point {
	out := make([]point, len(points))
	sum, weight := 0.0, 0.0
	for i, p := range points {
		sum, weight = smoothing*sum+p.Y, smoothing*weight+1
		out[i] = point{p.X, round(sum / weight)}
	}
	return out
}

func path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		op := 'L'
		if i == 0 {
			op = 'M'
		}
		fmt.Fprintf(&b, "%c%g %g", op, p.X, p.Y)
	}
	return b.String()
}

// niceStep returns the smallest of 1, 2, 2.5 and 5 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	mag := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*mag >= v*(1-1e-9) {
			return m * mag
		}
	}
	return 10 * mag
}

// stepDigits returns the number of decimals that distinguish multiples of step.
func stepDigits(step float64) int {
	for n := range 6 {
		if scaled := step * math.Pow10(n); math.Abs(scaled-math.Round(scaled)) < 1e-9 {
			return n
		}
	}
	return 6
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// interval is a row of the held-out table as a line and a dot on a common scale, in percent of the
// width.
type interval struct{ Low, End, Point float64 }

// intervals puts the rows' intervals on one scale.
func intervals(rows []Row) []interval {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		lo, hi = min(lo, r.Loss.Low), max(hi, r.Loss.High)
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	at := func(v float64) float64 { return round(2 + 96*(v-lo)/(hi-lo)) }
	out := make([]interval, len(rows))
	for i, r := range rows {
		out[i] = interval{at(r.Loss.Low), at(r.Loss.High), at(r.Loss.Point)}
	}
	return out
}

// charts returns the curves of a run: all held-out losses in one chart, then the terms of each
// training.
func charts(trainings []Training) []chart {
	var out []chart
	add := func(title, note string, all ...series) {
		if c, ok := layout(title, note, all); ok {
			out = append(out, c)
		}
	}
	var heldout []series
	for i, t := range trainings {
		s := series{Name: t.Name, Class: fmt.Sprintf("s%d", i%4), Dots: true}
		if t.Start > 0 {
			s.Points = append(s.Points, point{0, t.Start})
		}
		for _, e := range t.Evals {
			s.Points = append(s.Points, point{float64(e.Step), e.Loss})
		}
		heldout = append(heldout, s)
	}
	add("Held-out loss", "nats per token, by step", heldout...)
	for i, t := range trainings {
		class := fmt.Sprintf("s%d", i%4)
		var ntp, align, share []point
		for _, e := range t.Steps {
			x := float64(e.Step)
			ntp, align, share = append(ntp, point{x, e.NTP}), append(align, point{x, e.Align}),
				append(share, point{x, 100 * e.Causal})
		}
		add(t.Name+": next token, Lₙ", "per "+unit(t.Options.NormalizeNTP)+", by step",
			series{Class: class, Points: ntp, Smooth: true})
		if t.Options.Alpha != 0 {
			add(t.Name+": alignment, Lₚ", "per "+unit(t.Options.NormalizeAlign)+", by step",
				series{Class: class, Points: align, Smooth: true})
		}
		if t.Options.Dual() {
			add(t.Name+": tokens above δ", "% of tokens with a DCE above δ, by step",
				series{Class: class, Points: share, Smooth: true})
		}
	}
	return out
}

// unit describes what a loss term is divided by.
func unit(n causal.Norm) string {
	switch n {
	case causal.BySamples:
		return "text"
	case causal.ByWeights:
		return "unit of weight"
	}
	return "token"
}
