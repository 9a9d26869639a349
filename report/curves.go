package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"nextquill/core/api"
)

//go:embed curves.gohtml
var curvesSource string

var curvesPage = template.Must(template.New("curves").Funcs(template.FuncMap{
	"date":     func(t time.Time) string { return t.Format("2 January 2006") },
	"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
	"duration": Duration,
	"bytes":    Bytes,
	"count":    count,
	"kept":     activations,
	"three":    func(v float64) string { return decimals(v, 3) },
}).Parse(chartSource + curvesSource))

// Curves is the content of a page of "nextquill bench --curves": what the core measured, and the
// machine.
type Curves struct {
	When    time.Time       `json:"when"`
	Machine string          `json:"machine"` // processor and system
	Command string          `json:"command"`
	Curves  api.BenchCurves `json:"curves"`
}

// curveGroup is the curves of one model over one size: a chart of the memory, one of the time, and
// a table.
type curveGroup struct {
	Title  string
	Charts []chart
	Curves []api.Curve
}

// curveTitles name the sizes.
var curveTitles = map[string]string{
	api.CurveContext: "tokens of context", api.CurveHistory: "tokens of history",
	api.CurveRank: "rank of the adapter", api.CurveVocabulary: "tokens of the vocabulary",
}

// groups puts neighbouring curves of the same model and size together.
func (c Curves) groups() []curveGroup {
	var groups []curveGroup
	for i, curve := range c.Curves.Curves {
		if i > 0 && curve.Model == c.Curves.Curves[i-1].Model && curve.Size == c.Curves.Curves[i-1].Size {
			last := &groups[len(groups)-1]
			last.Curves = append(last.Curves, curve)
			continue
		}
		title := fmt.Sprintf("%s, %s", curve.Model, curveTitles[curve.Size])
		groups = append(groups, curveGroup{Title: title, Curves: []api.Curve{curve}})
	}
	for i := range groups {
		groups[i].draw()
	}
	return groups
}

// draw makes the charts. Curves rise, so the labels of several lines stand at the upper left.
func (g *curveGroup) draw() {
	var bytes, seconds []series
	for i, c := range g.Curves {
		s := series{Name: activations(c.Recompute), Class: fmt.Sprintf("s%d", i), Dots: true}
		t := s
		for _, p := range c.Points {
			if x := float64(p.Value); p.PeakBytes > 0 {
				s.Points = append(s.Points, point{x, float64(p.PeakBytes) / (1 << 20)})
			}
			if p.Seconds > 0 {
				t.Points = append(t.Points, point{float64(p.Value), p.Seconds})
			}
		}
		bytes, seconds = append(bytes, s), append(seconds, t)
	}
	size := curveTitles[g.Curves[0].Size]
	for _, of := range []struct {
		title string
		lines []series
	}{{"GPU memory, MiB", bytes}, {"time of a step, seconds", seconds}} {
		c, ok := layout(of.title, "by "+size, of.lines)
		for i := range c.Lines {
			c.Lines[i].LX = plotL + 90
		}
		if ok {
			g.Charts = append(g.Charts, c)
		}
	}
}

// activations says what a step does with its activations.
func activations(recompute bool) string {
	if recompute {
		return "recomputed"
	}
	return "kept"
}

// CurvesHTML writes the curves as one self-contained page: no scripts, fonts, images or network
// access.
func CurvesHTML(w io.Writer, c Curves) error {
	return curvesPage.Execute(w, struct {
		Curves
		CSS    template.CSS // trusted, not input
		Groups []curveGroup
	}{c, template.CSS(css + evaluationCSS), c.groups()})
}
