package report

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"nextquill/core/metric"
)

//go:embed evaluation.css
var evaluationCSS string

//go:embed evaluation.gohtml
var evaluationSource string

// evaluationPage is parsed at start, so that a mistake in the template fails every test.
var evaluationPage = template.Must(template.New("evaluation").Funcs(template.FuncMap{
	"count":        count,
	"duration":     Duration,
	"date":         func(t time.Time) string { return t.Format("2 January 2006") },
	"iso":          func(t time.Time) string { return t.Format(time.RFC3339) },
	"value":        func(c Measure, m Measured) string { return m.value(c) },
	"bounds":       func(c Measure, i *metric.Interval) string { return bounds(*i, c.Digits) },
	"diff":         func(c Measure, i *metric.Interval) string { return marked(c, i) },
	"signedbounds": func(c Measure, i *metric.Interval) string { return signedBounds(*i, c.Digits) },
	"verdict":      func(c Measure, i *metric.Interval) string { return verdict(c.Better, i) },
	"differs":      differs,
	"kind": func(k RowKind) string {
		return map[RowKind]string{BaselineRow: "baseline", DefaultRow: "ours"}[k]
	},
}).Parse(evaluationSource))

// EvaluationHTML writes an evaluation as one self-contained page: no scripts, fonts, images or
// network access.
func EvaluationHTML(w io.Writer, e Evaluation) error {
	var plots []plot
	for _, d := range e.Plots {
		if p, ok := d.plot(); ok {
			plots = append(plots, p)
		}
	}
	quality, ok := priced(e.Quality)
	return evaluationPage.Execute(w, struct {
		Evaluation
		CSS     template.CSS // trusted, not input
		Charts  []plot
		Cost    scatter
		HasCost bool
	}{e, template.CSS(css + evaluationCSS), plots, quality, ok})
}

// Geometry of the plots in SVG user units. The page scales them to their column.
const (
	plotWidth    = 340.0
	rowHeight    = 19.0
	plotTop      = 6.0
	axisHeight   = 30.0
	charWidth    = 5.9 // of the label font
	maxLabel     = 22  // characters
	scatterHigh  = 230.0
	scatterLeft  = 40.0
	scatterRight = plotWidth - 10
)

// plot is a plot of differences with its final coordinates.
type plot struct {
	Title, Note string
	W, H        float64
	Zero        float64 // x of no difference
	Top, Bottom float64
	Ticks       []tick
	Rows        []plotRow
	Better      string // which side is better
}

type plotRow struct {
	Label, Title   string
	Class          string
	LabelX, Y      float64
	Low, High, Dot float64
}

// plot lays out the rows below each other on one scale that includes 0.
func (d Differences) plot() (p plot, ok bool) {
	lo, hi, widest := 0., 0., 0
	var rows []Difference
	for _, r := range d.Rows {
		if s := r.Against.Low + r.Against.High + r.Against.Point; s-s != 0 { // NaN or infinite
			continue
		}
		rows = append(rows, r)
		lo, hi = min(lo, r.Against.Low), max(hi, r.Against.High)
		widest = max(widest, min(utf8.RuneCountInString(r.Name), maxLabel))
	}
	if len(rows) == 0 {
		return plot{}, false
	}
	if lo == hi {
		lo, hi = -1, 1
	}
	step := niceStep((hi - lo) / 4)
	left := float64(widest)*charWidth + 10
	right := plotWidth - 8
	x := func(v float64) float64 { return round(left + (v-lo)/(hi-lo)*(right-left)) }
	p = plot{Title: d.Title, Note: d.Note, W: plotWidth, Top: plotTop, Zero: x(0),
		Bottom: plotTop + rowHeight*float64(len(rows))}
	p.H = p.Bottom + axisHeight
	for v := math.Ceil(lo/step) * step; v <= hi+step/1e6; v += step {
		label := "0"
		if math.Abs(v) > step/2 {
			label = signed(v, stepDigits(step))
		}
		p.Ticks = append(p.Ticks, tick{x(v), label})
	}
	switch {
	case d.Measure.Better < 0:
		p.Better = "← better"
	case d.Measure.Better > 0:
		p.Better = "better →"
	}
	for i, r := range rows {
		class := verdict(d.Measure.Better, &r.Against)
		p.Rows = append(p.Rows, plotRow{
			Label: shorten(r.Name), Class: class, LabelX: left - 8, Y: plotTop + rowHeight*(float64(i)+.5),
			Low: x(r.Against.Low), High: x(r.Against.High), Dot: x(r.Against.Point),
			Title: r.Name + ": " + signed(r.Against.Point, d.Measure.Digits) + " (" +
				signedBounds(r.Against, d.Measure.Digits) + ")",
		})
	}
	return p, true
}

// shorten cuts a label to its column.
func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxLabel {
		return s
	}
	return string([]rune(s)[:maxLabel-1]) + "…"
}

// scatter is the plot of cost and quality with its final coordinates.
type scatter struct {
	W, H, Left, Right, Top, Bottom float64
	XTicks, YTicks                 []tick
	Points                         []scatterPoint
}

type scatterPoint struct {
	X, Y   float64
	Number int
	Name   string
	Class  string
	Title  string
}

// priced lays out the methods by seconds per user, on a logarithmic scale, and loss.
func priced(all []Priced) (s scatter, ok bool) {
	loX, hiX, loY, hiY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	var points []Priced
	for _, p := range all {
		if !(p.Seconds > 0) || math.IsNaN(p.Loss) || math.IsInf(p.Loss+p.Seconds, 0) {
			continue
		}
		points = append(points, p)
		loX, hiX = min(loX, math.Log10(p.Seconds)), max(hiX, math.Log10(p.Seconds))
		loY, hiY = min(loY, p.Loss), max(hiY, p.Loss)
	}
	if len(points) < 2 {
		return scatter{}, false
	}
	loX, hiX = math.Floor(loX*2)/2, math.Ceil(hiX*2+1e-9)/2
	if hiX-loX < .5 {
		hiX = loX + .5
	}
	step := niceStep(max(hiY-loY, 1e-3) / 3)
	loY, hiY = math.Floor(loY/step)*step, math.Ceil(hiY/step+1e-9)*step
	if hiY <= loY {
		hiY = loY + step
	}
	s = scatter{W: plotWidth, H: scatterHigh, Left: scatterLeft, Right: scatterRight, Top: 10,
		Bottom: scatterHigh - axisHeight}
	x := func(v float64) float64 { return round(s.Left + (v-loX)/(hiX-loX)*(s.Right-s.Left)) }
	y := func(v float64) float64 { return round(s.Bottom - (v-loY)/(hiY-loY)*(s.Bottom-s.Top)) }
	for v := loY; v <= hiY+step/2; v += step {
		s.YTicks = append(s.YTicks, tick{y(v), decimals(v, stepDigits(step))})
	}
	for _, seconds := range []float64{.01, .1, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000} {
		if v := math.Log10(seconds); v >= loX-1e-9 && v <= hiX+1e-9 {
			s.XTicks = append(s.XTicks, tick{x(v), roughTime(seconds)})
		}
	}
	for i, p := range points {
		s.Points = append(s.Points, scatterPoint{X: x(math.Log10(p.Seconds)), Y: y(p.Loss), Number: i + 1, Name: p.Name,
			Class: map[RowKind]string{BaselineRow: "baseline", DefaultRow: "ours"}[p.Kind],
			Title: p.Name + ": " + Duration(p.Seconds) + ", " + decimals(p.Loss, 3)})
	}
	return s, true
}

// roughTime is a time for an axis.
func roughTime(seconds float64) string {
	switch {
	case seconds < 1:
		return decimals(seconds, 2) + " s"
	case seconds < 60:
		return decimals(seconds, 0) + " s"
	case seconds < 3600:
		return decimals(seconds/60, 0) + " min"
	}
	return decimals(seconds/3600, 0) + " h"
}
