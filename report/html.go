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

//go:embed report.gohtml
var source string

// page parses at start, so that a mistake in the template fails every test rather than the end of a run.
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
}).Parse(source))

// HTML writes the run as one page that needs nothing else: no script, no font, no picture, no network.
func HTML(w io.Writer, r Run) error {
	return page.Execute(w, struct {
		Run
		CSS       template.CSS // ours, not anybody's input
		Intervals []interval
		Charts    []chart
		Passage   []span
		Legend    []shade
		Theirs    theirs
	}{r, template.CSS(css), intervals(r.Heldout.Rows), charts(r.Trainings), passage(r.Explained), legend(), share(r.Explained, r.Delta)})
}

// span is a token of the explained text, made ready for the page.
type span struct {
	Space string // white space before the token, outside its shade
	Text  string
	After string // a line end that belongs to the token
	Class string
	api.TokenCause
	With    float64 // probabilities
	Without float64
	Pull    string // the retrieved text that moved it most
}

func passage(r *api.ExplainResult) []span {
	if r == nil {
		return nil
	}
	var out []span
	for i, tok := range r.Tokens {
		s := span{TokenCause: tok, Class: class(Level(tok.DCE)), With: math.Exp(tok.LogpWith), Without: math.Exp(tok.LogpWithout)}
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
		s.Pull = pull(tok.Influence)
		out = append(out, s)
	}
	return out
}

// pull names the retrieved text that changed the token's log-probability most.
func pull(influence []float64) string {
	best := -1
	for i, v := range influence {
		if best < 0 || v*v > influence[best]*influence[best] {
			best = i
		}
	}
	if best < 0 || influence[best] == 0 {
		return ""
	}
	return "text " + count(best+1) + " moves it most: " + signed(influence[best], 2) + " nats"
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

// theirs counts the tokens that the history made clearly more likely.
type theirs struct {
	Above, All int
	Share      float64
}

func share(r *api.ExplainResult, delta float64) theirs {
	if r == nil || len(r.Tokens) == 0 {
		return theirs{}
	}
	t := theirs{All: len(r.Tokens)}
	for _, tok := range r.Tokens {
		if tok.DCE > delta {
			t.Above++
		}
	}
	t.Share = float64(t.Above) / float64(t.All)
	return t
}
