package report

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// Wrap breaks text into lines of at most width columns, at spaces if possible. Existing line breaks
// stay.
func Wrap(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	for paragraph := range strings.SplitSeq(Clean(text), "\n") {
		line, cols := "", 0
		for _, word := range strings.Fields(paragraph) {
			w := runewidth.StringWidth(word)
			if cols > 0 && cols+1+w > width {
				lines, line, cols = append(lines, line), "", 0
			}
			if cols > 0 {
				line, cols = line+" ", cols+1
			}
			for w > width { // longer than a line
				head := runewidth.Truncate(word, width, "")
				if head == "" {
					break // a single character wider than the line overflows
				}
				lines = append(lines, line+head)
				word = word[len(head):]
				line, cols, w = "", 0, runewidth.StringWidth(word)
			}
			line, cols = line+word, cols+w
		}
		lines = append(lines, line)
	}
	return lines
}

// pad fills s with spaces up to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-runewidth.StringWidth(s)))
}

// padLeft is pad with the spaces before s, for numbers.
func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-runewidth.StringWidth(s))) + s
}

// Width returns the number of terminal columns of s.
func Width(s string) int { return runewidth.StringWidth(s) }
