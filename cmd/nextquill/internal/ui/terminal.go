// Package ui shows a command's progress: as a bar on a terminal, as lines in a log, or as JSON for
// a program.
package ui

import (
	"io"
	"os"
	"strings"

	"github.com/vbauerster/mpb/v8/cwriter"

	"nextquill/report"
)

// defaultWidth is the width if the output is not a terminal.
const defaultWidth = 100

// Terminal returns the width and colours of w, and whether it is a terminal. getenv is os.Getenv.
func Terminal(w io.Writer, getenv func(string) string) (t report.Terminal, tty bool) {
	t = report.Terminal{Out: w, Width: defaultWidth}
	f, ok := w.(*os.File)
	if !ok || !cwriter.IsTerminal(int(f.Fd())) {
		return t, false
	}
	if width, _, err := cwriter.GetSize(int(f.Fd())); err == nil && width > 0 {
		t.Width = width
	}
	t.Colour = colour(getenv)
	return t, getenv("TERM") != "dumb"
}

// colour follows https://no-color.org, COLORTERM, and the names of terminals with 256 colours.
func colour(getenv func(string) string) report.Colour {
	term := getenv("TERM")
	switch {
	case getenv("NO_COLOR") != "" || term == "" || term == "dumb":
		return report.Plain
	case getenv("COLORTERM") == "truecolor" || getenv("COLORTERM") == "24bit" || strings.HasSuffix(term, "-direct"):
		return report.TrueColour
	case strings.Contains(term, "256color"):
		return report.Palette
	}
	for _, known := range []string{"xterm", "alacritty", "foot", "ghostty", "kitty", "wezterm"} {
		if strings.HasPrefix(term, known) {
			return report.Palette
		}
	}
	return report.Plain
}
