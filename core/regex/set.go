package regex

import (
	"unicode"
	"unicode/utf8"
)

// set is a set of characters: the union of its parts, or what is in none of them.
type set struct {
	negate bool
	fold   bool // a character is in it if one that differs only in case is
	parts  []part
	ascii  [utf8.RuneSelf]bool // known after freeze
}

// part is what is in one of some tables, or what is in none.
type part struct {
	tables []*unicode.RangeTable
	negate bool
}

// properties are those that patterns name, and the escapes that stand for one.
var properties = map[string][]*unicode.RangeTable{
	"L": {unicode.L}, "Lu": {unicode.Lu}, "Ll": {unicode.Ll}, "Lt": {unicode.Lt}, "Lm": {unicode.Lm}, "Lo": {unicode.Lo},
	"M": {unicode.M}, "Mn": {unicode.Mn}, "Mc": {unicode.Mc}, "Me": {unicode.Me},
	"N": {unicode.N}, "Nd": {unicode.Nd}, "Nl": {unicode.Nl}, "No": {unicode.No},
	"P": {unicode.P}, "S": {unicode.S}, "Z": {unicode.Z}, "Zs": {unicode.Zs}, "Han": {unicode.Han},
	"d": {unicode.Nd}, "s": {unicode.White_Space},
	"w": {unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic},
}

func between(from, to rune) part {
	return part{tables: []*unicode.RangeTable{{R32: []unicode.Range32{{Lo: uint32(from), Hi: uint32(to), Stride: 1}}}}}
}

// freeze works the frequent characters out beforehand.
func (s *set) freeze() *set {
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

// first is the character of a part made by between.
func (p part) first() rune { return rune(p.tables[0].R32[0].Lo) }
