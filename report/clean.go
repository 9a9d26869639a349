package report

import (
	"strings"
	"unicode"
)

// Clean makes text safe to print to a terminal. It replaces control characters, which could move
// the cursor or set the title, by visible symbols, and invisible characters that reorder text by
// U+FFFD. Newlines and tabs stay.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return '\u2421'
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
