package report

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/metric"
)

//go:embed report.css
var css string

//go:embed chart.gohtml
var chartSource string

//go:embed report.gohtml
var source string

// page is parsed at start, so that a mistake in the template fails every test.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"count":    count,
	"dec":      func(v float64) string { return decimals(v, 3) },
	"sig":      func(v float64) string { return signed(v, 3) },
	"within":   lossRange,
	"sigrange": func(i *metric.Interval) string { return signedRange(*i) },
	"pct":      percent,
	"points":   Points,
	"duration": Duration,
	"date":     func(t time.Time) string { return t.Format("2 January 2006") },
	"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
}).Parse(chartSource + source))

// HTML writes the run as one self-contained page: no scripts, fonts, images or network access.
func HTML(w io.Writer, r Run) error {
	return page.Execute(w, struct {
		Run
		CSS         template.CSS // trusted, not input
		Intervals   []interval
		Charts      []chart
		Passage     []span
		Legend      []shade
		WriterShare writerShare
	}{r, template.CSS(css), intervals(r.Heldout.Rows), charts(r.Trainings), passage(r.Explained), legend(),
		share(r.Explained, r.Delta)})
}

// span is a token of the explained text, formatted for the page.
type span struct {
	Space string // white space before the token, which is not shaded
	Text  string
	After string // a line end that belongs to the token
	Class string
	api.TokenCause
	With      float64 // probabilities
	Without   float64
	Strongest string // the retrieved text with the largest influence
}

func passage(r *api.ExplainResult) []span {
	if r == nil {
		return nil
	}
	var out []span
	for i, tok := range r.Tokens {
		s := span{TokenCause: tok, Class: class(Level(tok.DCE)), With: math.Exp(tok.LogpWith),
			Without: math.Exp(tok.LogpWithout)}
		s.Text = strings.TrimLeft(tok.Text, " \t")
		s.Space = tok.Text[:len(tok.Text)-len(s.Text)]
		if body := strings.TrimRight(s.Text, "\n"); body != s.Text {
			s.After, s.Text = s.Text[len(body):], body+"⏎"
		}
		if i == 0 {
			s.Space = ""
		}
		if tok.Text == "" {
			s.Space, s.Text = " ", "∎"
		} else if s.Text == "" {
			s.Space, s.Text = "", "␣"
		}
		s.Strongest = strongestInfluence(tok.Influence)
		out = append(out, s)
	}
	return out
}

// strongestInfluence describes the retrieved text that changed the token's log-probability most.
func strongestInfluence(influence []float64) string {
	best := -1
	for i, v := range influence {
		if best < 0 || v*v > influence[best]*influence[best] {
			best = i
		}
	}
	if best < 0 || influence[best] == 0 {
		return ""
	}
	return "text " + count(best+1) + " has the largest influence: " + signed(influence[best], 2) + " nats"
}

func class(level int) string {
	switch {
	case level > 0:
		return "w" + count(level)
	case level < 0:
		return "c" + count(-level)
	}
	return "z"
}

type shade struct{ Class, Label string }

func legend() []shade {
	var out []shade
	levels := causal.ShadeLevels()
	for level := -len(levels); level <= len(levels); level++ {
		if level == 0 {
			out = append(out, shade{"z", "0"})
			continue
		}
		at := 100 * levels[max(level, -level)-1]
		if level < 0 {
			at = -at
		}
		out = append(out, shade{class(level), signed(at, 0)})
	}
	return out
}

// writerShare counts the tokens whose DCE exceeds δ.
type writerShare struct {
	Above, All int
	Share      float64
}

func share(r *api.ExplainResult, delta float64) writerShare {
	if r == nil || len(r.Tokens) == 0 {
		return writerShare{}
	}
	t := writerShare{All: len(r.Tokens)}
	for _, tok := range r.Tokens {
		if tok.DCE > delta {
			t.Above++
		}
	}
	t.Share = float64(t.Above) / float64(t.All)
	return t
}
