package regex

import (
	"unicode"
	"unicode/utf8"
)

// set is a set of characters: the union of its parts, or the complement of it.
type set struct {
	negate bool
	fold   bool // ignore case
	parts  []part
	ascii  [utf8.RuneSelf]bool // set by precompute
}

// part is the set of characters in any of some tables, or the complement of it.
type part struct {
	tables []*unicode.RangeTable
	negate bool
}

// properties are the Unicode properties that patterns can name, and the escapes that stand for
// them.
var properties = map[string][]*unicode.RangeTable{
	"L": {unicode.L}, "Lu": {unicode.Lu}, "Ll": {unicode.Ll}, "Lt": {unicode.Lt}, "Lm": {unicode.Lm},
	"Lo": {unicode.Lo},
	"M":  {unicode.M}, "Mn": {unicode.Mn}, "Mc": {unicode.Mc}, "Me": {unicode.Me},
	"N": {unicode.N}, "Nd": {unicode.Nd}, "Nl": {unicode.Nl}, "No": {unicode.No},
	"P": {unicode.P}, "S": {unicode.S}, "Z": {unicode.Z}, "Zs": {unicode.Zs}, "Han": {unicode.Han},
	"d": {unicode.Nd}, "s": {unicode.White_Space},
	"w": {unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic},
}

func between(from, to rune) part {
	return part{tables: []*unicode.RangeTable{{R32: []unicode.Range32{{Lo: uint32(from), Hi: uint32(to), Stride: 1}}}}}
}

// precompute stores the result for ASCII characters.
func (s *set) precompute() *set {
	for c := range s.ascii {
		s.ascii[c] = s.search(rune(c))
	}
	return s
}

func (s *set) has(c rune) bool {
	if c < utf8.RuneSelf {
		return s.ascii[c]
	}
	return s.search(c)
}

func (s *set) search(c rune) bool {
	found := s.inParts(c)
	if s.fold {
		for f := unicode.SimpleFold(c); f != c && !found; f = unicode.SimpleFold(f) {
			found = s.inParts(f)
		}
	}
	return found != s.negate
}

func (s *set) inParts(c rune) bool {
	for _, p := range s.parts {
		if unicode.In(c, p.tables...) != p.negate {
			return true
		}
	}
	return false
}

// first is the first character of a part made by between.
func (p part) first() rune { return rune(p.tables[0].R32[0].Lo) }
