package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// stage is one step of pre-tokenization. It splits a text into pieces, in order.
type stage interface {
	split(s string, emit func(piece string))
}

// apply runs nested stages: each splits the pieces of the previous one.
func apply(stages []stage, s string, emit func(piece string)) {
	if len(stages) == 0 {
		if s != "" {
			emit(s)
		}
		return
	}
	stages[0].split(s, func(piece string) { apply(stages[1:], piece, emit) })
}

// byteLevel is the last stage: an optional prefix space, then optionally GPT-2's pattern.
type byteLevel struct{ addPrefixSpace, useRegex bool }

func (b byteLevel) split(s string, emit func(string)) {
	if b.addPrefixSpace && !strings.HasPrefix(s, " ") {
		s = " " + s
	}
	if !b.useRegex {
		emit(s)
		return
	}
	scanner(scanGPT2).split(s, emit)
}

// digits splits numbers from other text, and digits from each other if individual is set.
type digits struct{ individual bool }

func (d digits) split(s string, emit func(string)) {
	start, inNumber := 0, false
	for i, c := range s {
		is := unicode.IsNumber(c)
		if i > start && (is != inNumber || is && d.individual) {
			emit(s[start:i])
			start = i
		}
		inNumber = is
	}
	emit(s[start:])
}

// behavior tells what happens to the matches of a split pattern.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

// patternSplit splits at the matches of a pattern, or between them if invert is set.
type patternSplit struct {
	finder   finder
	behavior behavior
	invert   bool
}

type span struct {
	from, to int
	match    bool
}

func (p patternSplit) split(s string, emit func(string)) {
	if p.behavior == isolated { // common case: needs no list of spans, and invert has no effect
		at := 0
		p.finder.find(s, func(from, to int) {
			if at < from {
				emit(s[at:from])
			}
			if from < to {
				emit(s[from:to])
			}
			at = to
		})
		if at < len(s) {
			emit(s[at:])
		}
		return
	}
	for _, sp := range p.arrange(p.spans(s)) {
		if sp.from < sp.to {
			emit(s[sp.from:sp.to])
		}
	}
}

// spans covers s with matches and gaps.
func (p patternSplit) spans(s string) []span {
	var out []span
	at := 0
	p.finder.find(s, func(from, to int) {
		if at < from {
			out = append(out, span{at, from, p.invert})
		}
		out = append(out, span{from, to, !p.invert})
		at = to
	})
	if at < len(s) {
		out = append(out, span{at, len(s), p.invert})
	}
	return out
}

// arrange joins spans according to the behavior. The cases follow the reference implementation step
// by step.
func (p patternSplit) arrange(spans []span) []span {
	var out []span
	last := func() *span { return &out[len(out)-1] }
	previous := false
	switch p.behavior {
	case removed:
		for _, sp := range spans {
			if !sp.match {
				out = append(out, sp)
			}
		}
	case contiguous:
		for _, sp := range spans {
			if sp.match == previous && len(out) > 0 {
				last().to = sp.to
			} else {
				out = append(out, sp)
			}
			previous = sp.match
		}
	case mergedWithPrevious:
		for _, sp := range spans {
			if sp.match && !previous && len(out) > 0 {
				last().to = sp.to
			} else {
				out = append(out, sp)
			}
			previous = sp.match
		}
	case mergedWithNext:
		for i := len(spans) - 1; i >= 0; i-- {
			sp := spans[i]
			if sp.match && !previous && len(out) > 0 {
				last().from = sp.from
			} else {
				out = append(out, sp)
			}
			previous = sp.match
		}
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

// isWord is \w: the characters that must not be adjacent to a SingleWord token.
func isWord(c rune) bool {
	return unicode.In(c, unicode.L, unicode.M, unicode.Nd, unicode.Pc) || unicode.Is(unicode.Other_Alphabetic, c) ||
		unicode.Is(unicode.Nl, c) || c == '\u200c' || c == '\u200d'
}

func endsWithWord(s string) bool {
	c, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(c)
}

func startsWithWord(s string) bool {
	c, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(c)
}
