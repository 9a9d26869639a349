package tokenizer

import (
	"strings"

	"nextquill/core/regex"
)

// finder reports the matches of a pattern in s in order, as byte ranges. Like the reference it
// includes empty matches.
type finder interface {
	find(s string, match func(from, to int))
}

// literal finds a plain string.
type literal string

func (l literal) find(s string, match func(from, to int)) {
	if l == "" {
		return
	}
	for at := 0; ; {
		i := strings.Index(s[at:], string(l))
		if i < 0 {
			return
		}
		match(at+i, at+i+len(l))
		at += i + len(l)
	}
}

func (f scanner) find(s string, match func(from, to int)) {
	for i := 0; i < len(s); {
		end := f(s, i)
		match(i, end)
		i = end
	}
}

// pattern finds the matches of an expression that has no scanner.
//
// The text is matched as a whole. Splitting it could change the matches of an unknown pattern.
type pattern struct{ re *regex.Regex }

func compile(expr string) (finder, error) {
	if f, ok := scanners[expr]; ok {
		return f, nil
	}
	re, err := regex.Compile(expr)
	if err != nil {
		return nil, err
	}
	p := pattern{re}
	return p, p.checkSpeed()
}

// find stops when matching takes too long. The rest of the text then counts as one gap, so it still
// decodes to itself.
func (p pattern) find(s string, match func(from, to int)) { _ = p.re.All(s, match) }

// checkSpeed runs a pattern on texts that are slow for badly written patterns, so that such a file
// is rejected when it is loaded.
func (p pattern) checkSpeed() error {
	for _, unit := range []string{"a", "A", " ", "1", "\n", "!", "'", "\t ", "a1", "aA", "a ", "é", "漢", "\ufffd"} {
		for _, end := range []string{"", "!", "a", "\x00"} {
			if err := p.re.All(strings.Repeat(unit, 300)+end, func(int, int) {}); err != nil {
				return err
			}
		}
	}
	return nil
}
