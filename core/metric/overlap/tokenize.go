package overlap

import (
	"strings"
	"unicode"
)

// Tokenize13a splits a text into words and punctuation marks as mteval-v13a does, sacrebleu's
// default.
func Tokenize13a(text string) []string {
	text = strings.ReplaceAll(text, "<skipped>", "")
	text = strings.ReplaceAll(text, "-\n", "")
	text = strings.ReplaceAll(text, "\n", " ")
	if strings.Contains(text, "&") {
		// One after the other: "&amp;lt;" becomes "<".
		for _, entity := range [][2]string{{"&quot;", `"`}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}} {
			text = strings.ReplaceAll(text, entity[0], entity[1])
		}
	}
	runes := spacedSymbols([]rune(" " + text + " "))
	// A full stop or comma is a token unless a digit is on both sides; a dash is one after a digit.
	runes = spacedPairs(runes, func(a, b rune) bool { return !isDigit(a) && isPoint(b) }, true)
	runes = spacedPairs(runes, func(a, b rune) bool { return isPoint(a) && !isDigit(b) }, false)
	runes = spacedPairs(runes, func(a, b rune) bool { return isDigit(a) && b == '-' }, true)
	return strings.FieldsFunc(string(runes), isSpace)
}

// spacedSymbols puts spaces around ASCII punctuation other than ' , - and full stop.
func spacedSymbols(text []rune) []rune {
	out := make([]rune, 0, len(text)+len(text)/4)
	for _, r := range text {
		if r >= '{' && r <= '~' || r >= '[' && r <= '`' || r >= ' ' && r <= '&' || r >= '(' && r <= '+' ||
			r >= ':' && r <= '@' || r == '/' {
			out = append(out, ' ', r, ' ')
		} else {
			out = append(out, r)
		}
	}
	return out
}

// spacedPairs goes through the text from left to right. A pair that matches gets a space between
// its two characters, and one more after it (after) or before it. Pairs do not overlap.
func spacedPairs(text []rune, match func(a, b rune) bool, after bool) []rune {
	out := make([]rune, 0, len(text)+len(text)/4)
	for i := 0; i < len(text); i++ {
		if i+1 == len(text) || !match(text[i], text[i+1]) {
			out = append(out, text[i])
			continue
		}
		if !after {
			out = append(out, ' ')
		}
		out = append(out, text[i], ' ', text[i+1])
		if after {
			out = append(out, ' ')
		}
		i++
	}
	return out
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
func isPoint(r rune) bool { return r == '.' || r == ',' }

// isSpace is Python's str.isspace: it also takes the four ASCII separators.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
