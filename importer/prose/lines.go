// Package prose converts the contents of files to plain text. It decodes charsets and reads times,
// HTML, Markdown and front matter.
package prose

import (
	"strings"
	"unicode/utf8"
)

// Cut shortens a text to at most n bytes, at a word if possible.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexAny(s[:n], " \n"); i > n/2 {
		n = i
	}
	return strings.TrimSpace(s[:n]) + "…"
}

// OneLine returns a text as one line of at most n bytes.
func OneLine(s string, n int) string {
	if len(s) > 4*n {
		s = s[:4*n]
	}
	return Cut(strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "), n)
}

// Squeeze replaces two and more empty lines by one.
func Squeeze(s string) string { return blankLines.ReplaceAllString(s, "\n\n") }
