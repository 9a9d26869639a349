package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text before it is cut.
type normalizer interface{ apply(s string) string }

// normalForm is a Unicode normal form. It must not be norm.Form itself: that inserts U+034F into long runs of combining marks
// (the Stream-Safe Text Format), which no tokenizer was trained on.
type normalForm struct{ form norm.Form }

// maxMarks is the run of combining marks up to which norm.Form and the Unicode standard agree.
const maxMarks = 30

func (n normalForm) apply(s string) string {
	if n.form.IsNormalString(s) {
		return s
	}
	if !longMarks(s) {
		return n.form.String(s)
	}
	return n.slow(s)
}

// longMarks tells whether s has more combining marks in a row than norm.Form takes, counted after decomposing.
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

// slow is the algorithm of the standard (UAX #15), with norm.Form asked about single characters and pairs only.
func (n normalForm) slow(s string) string {
	compose := n.form == norm.NFC || n.form == norm.NFKC
	apart := norm.NFD
	if n.form == norm.NFKC || n.form == norm.NFKD {
		apart = norm.NFKD
	}
	var out []byte
	var segment []rune // a starter and its marks
	flush := func() {
		slices.SortStableFunc(segment, func(a, b rune) int { return int(ccc(a)) - int(ccc(b)) })
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
			// Two starters can compose too (Hangul, some Indic vowels), so the segment is closed only by one that cannot.
			if ccc(d) == 0 && !(compose && len(segment) > 0 && joins(segment, d)) {
				flush()
			}
			segment = append(segment, d)
		}
		i += size
	}
	flush()
	return string(out)
}

func ccc(c rune) uint8 { return norm.NFD.PropertiesString(string(c)).CCC() }

// joins tells whether starter d composes with the segment's starter, nothing standing between them.
func joins(segment []rune, d rune) bool {
	sorted := slices.Clone(segment)
	slices.SortStableFunc(sorted, func(a, b rune) int { return int(ccc(a)) - int(ccc(b)) })
	sorted = composed(sorted)
	_, ok := pair(sorted[0], d)
	return len(sorted) == 1 && ok
}

// composed joins a segment's starter with every mark that is not blocked from it.
func composed(segment []rune) []rune {
	if len(segment) < 2 || ccc(segment[0]) != 0 {
		return segment
	}
	out := []rune{segment[0]}
	for _, c := range segment[1:] {
		blocked := len(out) > 1 && (ccc(out[len(out)-1]) == 0 || ccc(out[len(out)-1]) >= ccc(c))
		if both, ok := pair(out[0], c); ok && !blocked {
			out[0] = both
			continue
		}
		out = append(out, c)
	}
	return out
}

// pair gives the primary composite of two characters.
func pair(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	c, n := utf8.DecodeRuneInString(s)
	return c, n == len(s)
}
