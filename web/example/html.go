package example

import (
	"bytes"
	_ "embed"
	"html/template"
	"math"
	"strconv"
	"strings"

	"nextquill/core/causal"
	"nextquill/core/fault"
)

//go:embed example.gohtml
var source string

// page is parsed at start, so that a mistake in the template fails every test.
var page = template.Must(template.New("example").Parse(source))

// mark is where Insert puts the example into a page.
const mark = "<!-- example -->"

// Insert renders an example into a page that has the comment "example" once.
func Insert(html []byte, e Example) ([]byte, error) {
	if bytes.Count(html, []byte(mark)) != 1 {
		return nil, fault.New(fault.Malformed, "index.html", "", "it does not have %q once", mark).
			WithRemedy("put the comment where the example belongs")
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view(e)); err != nil {
		return nil, err
	}
	return bytes.Replace(html, []byte(mark), bytes.TrimSpace(b.Bytes()), 1), nil
}

// rendered is an example, formatted for the page.
type rendered struct {
	Example
	// Subject is what the text is about, and Kind the second field of its context, or "".
	Subject, Kind string
	Spans         []span
	Chosen        span // the word with the largest effect, which the page explains at first
	Ratio         string
}

// span is one word.
type span struct {
	Space, Text, Class string
	// Figures are the word's probabilities with and without the earlier texts, and how many times
	// as likely each of these makes it, separated by spaces: web/page/example.ts reads them.
	Figures       string
	With, Without string
	Earlier       []influence
}

// influence is an earlier text, and how many times as likely it makes a word.
type influence struct{ Times, Text string }

func view(e Example) rendered {
	r := rendered{Example: e, Ratio: number(e.Unseen.Times(), 2), Subject: e.Context[0].Value}
	if len(e.Context) > 1 {
		r.Kind = e.Context[1].Value
	}
	most := 0
	for i, w := range e.Words {
		if math.Abs(w.DCE()) > math.Abs(e.Words[most].DCE()) {
			most = i
		}
		r.Spans = append(r.Spans, spanOf(w))
	}
	// White space before the first word would move it.
	r.Spans[0].Space = ""
	r.Chosen = r.Spans[most]
	r.Spans[most].Class += " on"
	for i, text := range e.Earlier {
		r.Chosen.Earlier = append(r.Chosen.Earlier, influence{times(e.Words[most].Times[i]), text})
	}
	return r
}

func spanOf(w Word) span {
	text := strings.TrimLeft(w.Text, " \n\t")
	figures := []string{short(w.With), short(w.Without)}
	for _, t := range w.Times {
		figures = append(figures, short(t))
	}
	return span{
		Space: w.Text[:len(w.Text)-len(text)], Text: text, Class: "t " + shade(w.DCE()),
		Figures: strings.Join(figures, " "), With: percent(w.With), Without: percent(w.Without),
	}
}

// shade is the class of a word, as shadeOf in web/ui/explained.ts returns it.
func shade(dce float64) string {
	level := 0
	for i, at := range causal.ShadeLevels() {
		if math.Abs(dce) >= at {
			level = i + 1
		}
	}
	switch {
	case level == 0:
		return "z"
	case dce > 0:
		return "w" + strconv.Itoa(level)
	}
	return "c" + strconv.Itoa(level)
}

// short is a number without an unnecessary 0.
func short(v float64) string {
	return strings.TrimPrefix(strconv.FormatFloat(v, 'g', 3, 64), "0")
}

func number(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// percent and times write numbers as web/ui/format.ts and web/page/passage.ts do.
func percent(p float64) string {
	switch {
	case p > 0 && p < .001:
		return "< 0.1 %"
	case p < .1:
		return number(100*p, 1) + " %"
	}
	return number(100*p, 0) + " %"
}

func times(ratio float64) string {
	if ratio < 10 {
		return number(ratio, 2) + " ×"
	}
	return number(ratio, 0) + " ×"
}
