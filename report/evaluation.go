package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"nextquill/core/metric"
)

// Evaluation is the content of the report of `nextquill eval`. Its texts are treated as hostile, as
// those of a Run.
type Evaluation struct {
	Data     string // name of the data set
	When     time.Time
	Seconds  float64 // of all cells, over all runs
	Device   string
	Model    string
	Command  string
	Findings []string // sentences, the most important first
	Scope    string   // "20 users, 200 texts, 8,412 tokens; intervals resample users"
	Tables   []Comparison
	Plots    []Differences
	Quality  []Priced // cost and quality of each method
	Written  []Written
	LeftOut  []LeftOut
	Facts    []Facts
}

// Comparison is a table of methods.
type Comparison struct {
	Title   string
	Note    string
	Columns []Measure
	Rows    []Compared
}

// Measure is a column of a Comparison.
type Measure struct {
	Name   string
	Digits int // after the decimal point
	Better int // −1 if lower values are better, 1 if higher ones are, 0 if neither
}

// Compared is a row of a Comparison.
type Compared struct {
	Name  string
	Note  string // such as the regime
	Kind  RowKind
	Cells []Measured
}

// RowKind marks rows.
type RowKind int

// The kinds of rows.
const (
	OrdinaryRow RowKind = iota
	BaselineRow         // what the others are compared with
	DefaultRow          // NextQuill's default method
)

// Measured is a value with its interval and its paired difference to the baseline; a difference
// alone; or a text. Ends of an interval that are infinite are not known.
type Measured struct {
	Value   *metric.Interval
	Against *metric.Interval
	Text    string
}

// Differences is a plot of differences to the baseline with their intervals.
type Differences struct {
	Title   string
	Note    string
	Measure Measure
	Rows    []Difference
}

// Difference is a row of a plot.
type Difference struct {
	Name    string
	Against metric.Interval
}

// Priced is a point in the plot of cost and quality.
type Priced struct {
	Name    string
	Kind    RowKind
	Seconds float64 // per user
	Loss    float64 // nats per token
}

// LeftOut counts what was not used for one reason.
type LeftOut struct {
	Reason string
	Count  int
	First  string // where it was first
	Change bool   // it was used, with a change
}

// verdict is "better", "worse" or "" by whether the interval of a difference excludes 0.
func verdict(better int, d *metric.Interval) string {
	switch {
	case d == nil || better == 0 || !d.Excludes(0), math.Abs(d.Point) < 1e-6: // equal, but for rounding
		return ""
	case (d.Point > 0) == (better > 0):
		return "better"
	}
	return "worse"
}

// unknown stands for an interval that is not known, since there are too few texts.
const unknown = "–"

// bounds is an interval without a sign: "3.80–4.04".
func bounds(i metric.Interval, digits int) string {
	if math.IsInf(i.High-i.Low, 0) {
		return unknown
	}
	return decimals(i.Low, digits) + "–" + decimals(i.High, digits)
}

// signedBounds is an interval of a difference: "−0.25 to −0.18".
func signedBounds(i metric.Interval, digits int) string {
	if math.IsInf(i.High-i.Low, 0) {
		return unknown
	}
	return signed(i.Low, digits) + " to " + signed(i.High, digits)
}

// value formats a cell without its difference.
func (m Measured) value(c Measure) string {
	switch {
	case m.Text != "":
		return m.Text
	case m.Value == nil && m.Against != nil:
		return marked(c, m.Against)
	case m.Value == nil || math.IsNaN(m.Value.Point):
		return "–"
	}
	return decimals(m.Value.Point, c.Digits)
}

// marked is a difference with a mark if its interval excludes 0: ▲ for better, ▼ for worse.
func marked(c Measure, d *metric.Interval) string {
	mark := map[string]string{"better": " ▲", "worse": " ▼"}[verdict(c.Better, d)]
	return signed(d.Point, c.Digits) + mark
}

// Markdown writes the tables in Markdown.
func (e Evaluation) Markdown(w io.Writer) error {
	var b strings.Builder
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ")
	cell := func(s string) string { return escape.Replace(Clean(s)) }
	fmt.Fprintf(&b, "# Evaluation: %s\n", cell(e.Data))
	for _, s := range e.Findings {
		fmt.Fprintf(&b, "\n%s\n", cell(s))
	}
	fmt.Fprintf(&b, "\n%s\n", cell(e.Scope))
	for _, t := range e.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n", cell(t.Title))
		if t.Note != "" {
			fmt.Fprintf(&b, "%s\n\n", cell(t.Note))
		}
		b.WriteString("| method |")
		for _, c := range t.Columns {
			fmt.Fprintf(&b, " %s |", cell(c.Name))
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|", len(t.Columns)) + "\n")
		for _, r := range t.Rows {
			name := r.Name
			if r.Note != "" {
				name += ", " + r.Note
			}
			if r.Kind == DefaultRow {
				name = "**" + name + "**"
			}
			fmt.Fprintf(&b, "| %s |", cell(name))
			for i, m := range r.Cells {
				c := t.Columns[i]
				text := m.value(c)
				if m.Value != nil {
					text += " (" + bounds(*m.Value, c.Digits) + ")"
				}
				if m.Value == nil && m.Against != nil {
					text += " (" + signedBounds(*m.Against, c.Digits) + ")"
				} else if m.Against != nil {
					text += "; " + marked(c, m.Against) + " (" + signedBounds(*m.Against, c.Digits) + ")"
				}
				fmt.Fprintf(&b, " %s |", cell(text))
			}
			b.WriteByte('\n')
		}
	}
	if len(e.LeftOut) > 0 {
		b.WriteString("\n## Left out\n\n| reason | number | first |\n|---|---:|---|\n")
		for _, l := range e.LeftOut {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(l.Reason), count(l.Count), cell(l.First))
		}
	}
	if e.Command != "" {
		fmt.Fprintf(&b, "\n`%s`\n", strings.ReplaceAll(cell(e.Command), "`", ""))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Evaluation writes the findings and the tables of an evaluation, without the drafts.
func (t Terminal) Evaluation(e Evaluation) {
	for _, s := range e.Findings {
		t.Text(s)
	}
	t.Text(e.Scope)
	for _, table := range e.Tables {
		t.Title(table.Title)
		for i, part := range t.parts(table) {
			if i > 0 {
				fmt.Fprintln(t.Out)
			}
			t.Table(part.columns, part.rows)
		}
	}
	fmt.Fprintln(t.Out)
}

// cells is a table for the terminal.
type cells struct {
	columns []Column
	rows    [][]string
}

// parts divides a table into tables that fit the terminal, each with the names of the methods.
func (t Terminal) parts(table Comparison) []cells {
	names := cells{columns: []Column{{Name: "method"}}}
	for _, r := range table.Rows {
		name := r.Name
		if r.Note != "" {
			name += ", " + r.Note
		}
		names.rows = append(names.rows, []string{Clean(name)})
	}
	fresh := func() cells {
		c := cells{columns: slices.Clone(names.columns)}
		for _, r := range names.rows {
			c.rows = append(c.rows, slices.Clone(r))
		}
		return c
	}
	part := fresh()
	var out []cells
	for i, c := range table.Columns {
		add := func() {
			part.columns = append(part.columns, Column{Name: c.Name, Right: true})
			for j, r := range table.Rows {
				part.rows[j] = append(part.rows[j], r.Cells[i].value(c))
			}
			if !differs(table, i) {
				return
			}
			part.columns = append(part.columns, Column{Name: "difference", Right: true})
			for j, r := range table.Rows {
				diff := ""
				if m := r.Cells[i]; m.Value != nil && m.Against != nil {
					diff = marked(c, m.Against)
				}
				part.rows[j] = append(part.rows[j], diff)
			}
		}
		before := part
		before.rows = slices.Clone(part.rows)
		add()
		if part.width() > t.Width && len(before.columns) > 1 {
			out = append(out, before)
			part = fresh()
			add()
		}
	}
	return append(out, part)
}

// width is the number of terminal columns of a table.
func (c cells) width() int {
	sum := 0
	for i, column := range c.columns {
		w := Width(column.Name)
		for _, r := range c.rows {
			w = max(w, Width(r[i]))
		}
		sum += 2 + w
	}
	return sum
}

// differs reports whether a column has differences beside its values.
func differs(t Comparison, column int) bool {
	for _, r := range t.Rows {
		if column < len(r.Cells) && r.Cells[column].Value != nil && r.Cells[column].Against != nil {
			return true
		}
	}
	return false
}
