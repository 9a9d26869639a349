package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text before it is split.
type normalizer interface{ apply(s string) string }

// normalForm is a Unicode normal form. It is not norm.Form, which inserts U+034F into long runs of
// combining marks (the Stream-Safe Text Format). No tokenizer was trained on that.
type normalForm struct{ form norm.Form }

// maxMarks is the length of a run of combining marks up to which norm.Form follows the Unicode
// standard.
const maxMarks = 30

func (n normalForm) apply(s string) string {
	if n.form.IsNormalString(s) {
		return s
	}
	if !longMarks(s) {
		return n.form.String(s)
	}
	return n.applyStandard(s)
}

// longMarks reports whether the decomposed s has a longer run of combining marks than norm.Form
// supports.
func longMarks(s string) bool {
	marks := 0
	for i := 0; i < len(s); {
		p := norm.NFKD.PropertiesString(s[i:])
		if p.CCC() == 0 && p.LeadCCC() == 0 && p.TrailCCC() == 0 {
			marks = 0
		} else {
			marks += utf8.RuneCount(p.Decomposition()) + 1
		}
		if marks > maxMarks {
			return true
		}
		i += max(p.Size(), 1)
	}
	return false
}

// applyStandard is the algorithm of the Unicode standard (UAX #15). It uses norm.Form only for
// single characters and pairs.
func (n normalForm) applyStandard(s string) string {
	compose := n.form == norm.NFC || n.form == norm.NFKC
	apart := norm.NFD
	if n.form == norm.NFKC || n.form == norm.NFKD {
		apart = norm.NFKD
	}
	var out []byte
	var segment []rune // a starter and its marks
	flush := func() {
		slices.SortStableFunc(segment, func(a, b rune) int { return int(combiningClass(a)) - int(combiningClass(b)) })
		if compose {
			segment = composed(segment)
		}
		for _, c := range segment {
			out = utf8.AppendRune(out, c)
		}
		segment = segment[:0]
	}
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && size == 1 {
			flush()
			out = append(out, s[i])
			i++
			continue
		}
		for _, d := range apart.String(s[i : i+size]) {
			// Two starters can compose too (Hangul, some Indic vowels), so only a starter that does
			// not compose ends the segment.
			if combiningClass(d) == 0 && !(compose && len(segment) > 0 && joins(segment, d)) {
				flush()
			}
			segment = append(segment, d)
		}
		i += size
	}
	flush()
	return string(out)
}

func combiningClass(c rune) uint8 { return norm.NFD.PropertiesString(string(c)).CCC() }

// joins reports whether starter d composes with the segment's starter, with nothing between them.
func joins(segment []rune, d rune) bool {
	sorted := slices.Clone(segment)
	slices.SortStableFunc(sorted, func(a, b rune) int { return int(combiningClass(a)) - int(combiningClass(b)) })
	sorted = composed(sorted)
	_, ok := pair(sorted[0], d)
	return len(sorted) == 1 && ok
}

// composed composes a segment's starter with every mark that is not blocked.
func composed(segment []rune) []rune {
	if len(segment) < 2 || combiningClass(segment[0]) != 0 {
		return segment
	}
	out := []rune{segment[0]}
	for _, c := range segment[1:] {
		blocked := len(out) > 1 && (combiningClass(out[len(out)-1]) == 0 ||
			combiningClass(out[len(out)-1]) >= combiningClass(c))
		if both, ok := pair(out[0], c); ok && !blocked {
			out[0] = both
			continue
		}
		out = append(out, c)
	}
	return out
}

// pair returns the primary composite of two characters.
func pair(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	c, n := utf8.DecodeRuneInString(s)
	return c, n == len(s)
}
