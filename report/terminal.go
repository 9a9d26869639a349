package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"nextquill/core/api"
	"nextquill/core/causal"
)

// Colour is the colour support of a terminal.
type Colour int

const (
	// Plain uses no escape sequences: for files, pipes and NO_COLOR.
	Plain Colour = iota
	// Palette uses the 256 colours of xterm.
	Palette
	// TrueColour uses 24-bit colours.
	TrueColour
)

// Terminal writes parts of a Run as text.
type Terminal struct {
	Out    io.Writer
	Width  int // columns
	Colour Colour
}

// colours are a background and a foreground colour, as palette index and 24-bit value.
type colours struct {
	bg, fg       int // xterm palette
	bgRGB, fgRGB uint32
}

// The shades from weak to strong effects. The page uses the same colours (report.css).
var (
	warm = [...]colours{{230, 16, 0xfdeeda, 0x16181d}, {223, 16, 0xfbcf9f, 0x16181d}, {215, 16, 0xf29a52, 0x16181d},
		{166, 231, 0xc2500c, 0xffffff}}
	cool = [...]colours{{255, 16, 0xe4edf7, 0x16181d}, {153, 16, 0xb9d2ec, 0x16181d}, {110, 16, 0x7aa9da, 0x16181d},
		{25, 231, 0x2a66a8, 0xffffff}}
)

func (t Terminal) style(code, s string) string {
	if t.Colour == Plain || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t Terminal) bold(s string) string { return t.style("1", s) }
func (t Terminal) dim(s string) string  { return t.style("2", s) }

// shade colours s by the result of Level.
func (t Terminal) shade(level int, s string) string {
	if level == 0 || t.Colour == Plain {
		return s
	}
	i := warm[max(level, 1)-1]
	if level < 0 {
		i = cool[-level-1]
	}
	if t.Colour == Palette {
		return t.style(fmt.Sprintf("48;5;%d;38;5;%d", i.bg, i.fg), s)
	}
	rgb := func(c uint32) string { return fmt.Sprintf("%d;%d;%d", c>>16, c>>8&255, c&255) }
	return t.style("48;2;"+rgb(i.bgRGB)+";38;2;"+rgb(i.fgRGB), s)
}

// Title writes a heading with blank lines around it.
func (t Terminal) Title(s string) {
	fmt.Fprintln(t.Out)
	for _, line := range Wrap(s, t.Width) {
		fmt.Fprintln(t.Out, t.bold(line))
	}
	fmt.Fprintln(t.Out)
}

// Text writes a paragraph, wrapped and indented by two columns.
func (t Terminal) Text(s string) {
	for _, line := range Wrap(s, t.Width-2) {
		fmt.Fprintf(t.Out, "  %s\n", line)
	}
}

// Column is a column heading of a table.
type Column struct {
	Name  string
	Right bool // align numbers to the right
}

// Table writes rows under a heading. Rows may be shorter than the heading.
func (t Terminal) Table(columns []Column, rows [][]string) {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = runewidth.StringWidth(c.Name)
		for _, row := range rows {
			if i < len(row) {
				widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
			}
		}
	}
	line := func(cell func(i int) string) string {
		parts := make([]string, len(columns))
		for i, c := range columns {
			if c.Right {
				parts[i] = padLeft(cell(i), widths[i])
			} else {
				parts[i] = pad(cell(i), widths[i])
			}
		}
		return strings.TrimRight(strings.Join(parts, "  "), " ")
	}
	fmt.Fprintf(t.Out, "  %s\n", t.dim(line(func(i int) string { return Clean(columns[i].Name) })))
	for _, row := range rows {
		fmt.Fprintf(t.Out, "  %s\n", line(func(i int) string {
			if i < len(row) {
				return Clean(row[i])
			}
			return ""
		}))
	}
}

// Heldout writes the table of held-out losses and its summary. It fits 80 columns if names have at
// most 17 characters.
func (t Terminal) Heldout(h Heldout) {
	t.Title(fmt.Sprintf("Held-out loss in nats per token, %s texts (lower is better)", count(h.Texts)))
	columns := []Column{{Name: ""}, {"tokens", true}, {"loss", true}, {"95 % interval", true}}
	if h.Baseline < len(h.Rows) && len(h.Rows) > 1 {
		columns = append(columns, Column{"difference", true}, Column{"95 % interval", true})
	}
	var rows [][]string
	for _, r := range h.Rows {
		row := []string{r.Name, count(r.Tokens), decimals(r.Loss.Point, 3), lossRange(r.Loss)}
		if r.Against != nil {
			row = append(row, signed(r.Against.Point, 3), signedRange(*r.Against))
		}
		rows = append(rows, row)
	}
	t.Table(columns, rows)
	fmt.Fprintln(t.Out)
	if s := h.Summary(); s != "" {
		t.Text(s)
		fmt.Fprintln(t.Out)
	}
}

// minColumn is the minimum width of a readable text column.
const minColumn = 26

// Written writes the versions of a text side by side, or below each other if the terminal is
// narrow.
func (t Terminal) Written(w Written) {
	t.Context(w.Context)
	versions := slices.Clone(w.Texts)
	if w.Own != "" {
		versions = append(versions, Version{"the writer", w.Own})
	}
	if len(versions) == 0 {
		return
	}
	const indent, gap = 2, 3
	width := (min(t.Width, 160) - indent - gap*(len(versions)-1)) / len(versions)
	if width < minColumn {
		for _, v := range versions {
			fmt.Fprintf(t.Out, "  %s\n", t.dim(Clean(v.Name)))
			for _, line := range Wrap(v.Text, t.Width-2*indent) {
				fmt.Fprintf(t.Out, "    %s\n", line)
			}
		}
		fmt.Fprintln(t.Out)
		return
	}
	cells := make([][]string, len(versions))
	height := 0
	for i, v := range versions {
		cells[i] = Wrap(v.Text, width)
		height = max(height, len(cells[i]))
	}
	row := func(cell func(i int) string, style func(string) string) {
		parts := make([]string, len(versions))
		for i := range versions {
			parts[i] = pad(cell(i), width)
		}
		fmt.Fprintf(t.Out, "  %s\n", style(strings.TrimRight(strings.Join(parts, strings.Repeat(" ", gap)), " ")))
	}
	row(func(i int) string { return runewidth.Truncate(Clean(versions[i].Name), width, "…") }, t.dim)
	for y := range height {
		row(func(i int) string {
			if y < len(cells[i]) {
				return cells[i][y]
			}
			return ""
		}, func(s string) string { return s })
	}
	fmt.Fprintln(t.Out)
}

// Context writes the fields of a context on one line, with the first one emphasised.
func (t Terminal) Context(fields []api.Field) {
	if len(fields) == 0 {
		return
	}
	var rest []string
	for _, f := range fields[1:] {
		rest = append(rest, f.Value)
	}
	lines := Wrap(strings.Join(append([]string{fields[0].Value}, rest...), " · "), t.Width-2)
	head := Clean(fields[0].Value)
	for i, line := range lines {
		if tail, ok := strings.CutPrefix(line, head); ok && i == 0 {
			fmt.Fprintf(t.Out, "  %s%s\n", t.bold(head), t.dim(tail))
			continue
		}
		fmt.Fprintf(t.Out, "  %s\n", t.dim(line))
	}
}

// Tokens writes a text with each token shaded by its data-side causal effect (DCE), and a legend.
// Without colours, tokens with an effect of δ or more are put in brackets with the effect in
// percentage points: [brains +23].
func (t Terminal) Tokens(r api.ExplainResult) {
	t.Context(r.Context)
	fmt.Fprintln(t.Out)
	line, cols := "", 0
	flush := func() {
		fmt.Fprintf(t.Out, "  %s\n", strings.TrimRight(line, " "))
		line, cols = "", 0
	}
	for _, word := range words(r.Tokens) {
		width := 0
		for _, tok := range word {
			width += runewidth.StringWidth(t.token(tok).text)
		}
		if cols > 0 && cols+width > t.Width-2 {
			flush()
		}
		for _, tok := range word {
			p := t.token(tok)
			if cols == 0 {
				p.text = strings.TrimLeft(p.text, " ")
			}
			line += t.shade(p.level, p.text)
			cols += runewidth.StringWidth(p.text)
			if p.breaks {
				flush()
			}
		}
	}
	if cols > 0 {
		flush()
	}
	fmt.Fprintln(t.Out)
	t.Legend()
}

// Legend explains the shades.
func (t Terminal) Legend() {
	if t.Colour == Plain {
		t.Text("[token +n]: the history makes this token n percentage points more likely (−n: less). " +
			"Effects under 5 points are not marked.")
		return
	}
	scale := ""
	levels := causal.ShadeLevels()
	for level := -len(levels); level <= len(levels); level++ {
		if level == 0 {
			scale += " 0 "
			continue
		}
		at := levels[max(level, -level)-1]
		scale += t.shade(level, " "+signed(math.Copysign(100*at, float64(level)), 0)+" ")
	}
	fmt.Fprintf(t.Out, "  %s  %s\n", scale,
		t.dim("change of the token's probability by the history, in percentage points"))
}

// shadedToken is a token formatted for the terminal.
type shadedToken struct {
	text   string
	level  int
	breaks bool // followed by a line break
}

func (t Terminal) token(tok api.TokenCause) shadedToken {
	text := tok.Text
	if text == "" {
		text = " ∎" // the end of the text is also a token
	}
	p := shadedToken{level: Level(tok.DCE), breaks: strings.HasSuffix(text, "\n")}
	p.text = strings.ReplaceAll(strings.ReplaceAll(Clean(text), "\n", "⏎"), "\t", " ")
	if t.Colour == Plain && max(p.level, -p.level) >= 2 {
		body := strings.TrimLeft(p.text, " ")
		p.text = p.text[:len(p.text)-len(body)] + "[" + body + " " + signed(100*tok.DCE, 0) + "]"
	}
	return p
}

// words groups tokens so that lines break only before a token that starts with a space, or after a
// line break.
func words(tokens []api.TokenCause) [][]api.TokenCause {
	var out [][]api.TokenCause
	for i, tok := range tokens {
		if i == 0 || strings.HasPrefix(tok.Text, " ") || tok.Text == "" || strings.HasSuffix(tokens[i-1].Text, "\n") {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], tok)
	}
	return out
}
