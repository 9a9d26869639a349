package tokenizer

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one match of a pattern we have no scanner for. Backtracking can take exponential time; a pattern meant
// for tokenizing takes microseconds.
const (
	matchTimeout = 5 * time.Second
	probeTimeout = time.Second
)

// finder reports the matches of a pattern in s, in order, as byte ranges; empty matches included, as the reference has them.
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

// pattern finds matches of a regular expression with look-around, by regexp2.
//
// The text is matched as a whole, never in chunks: where an unknown pattern could be cut without changing its matches cannot be
// known. Each match has its own time limit, so a long text does not run into it. A byte that is not UTF-8 is seen as U+FFFD.
type pattern struct{ re *regexp2.Regexp }

func compile(expr string) (finder, error) {
	if f, ok := scanners[expr]; ok {
		return f, nil
	}
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	return pattern{re}, nil
}

func (p pattern) find(s string, match func(from, to int)) { _ = p.findAll(s, match) }

// findAll is find; it returns regexp2's error when a match takes too long. What follows then counts as one gap: the text still
// decodes to itself.
func (p pattern) findAll(s string, match func(from, to int)) error {
	runes := []rune(s)
	atRune, atByte := 0, 0 // the same place, counted both ways
	forward := func(to int) int {
		for ; atRune < to; atRune++ {
			_, n := utf8.DecodeRuneInString(s[atByte:])
			atByte += n
		}
		return atByte
	}
	m, err := p.re.FindRunesMatch(runes)
	for ; m != nil && err == nil; m, err = p.re.FindNextMatch(m) {
		from := forward(m.Index)
		match(from, forward(m.Index+m.Length))
	}
	return err
}

// probe tries a pattern on texts that make careless ones explode, so that a hostile file is refused when it is loaded rather than
// hanging later.
func (p pattern) probe() error {
	p.re.MatchTimeout = probeTimeout
	defer func() { p.re.MatchTimeout = matchTimeout }()
	for _, unit := range []string{"a", "A", " ", "1", "\n", "!", "'", "\t ", "a1", "aA", "a ", "é", "漢", "\ufffd"} {
		for _, end := range []string{"", "!", "a", "\x00"} {
			if err := p.findAll(strings.Repeat(unit, 300)+end, func(int, int) {}); err != nil {
				return err
			}
		}
	}
	return nil
}
