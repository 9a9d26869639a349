package overlap

import (
	"slices"
	"strings"
)

// PorterStem removes the inflection of an English word in lower case (Porter 1980), with the
// extensions of nltk's PorterStemmer, its default mode.
func PorterStem(word string) string {
	if stem, ok := irregular(word); ok {
		return stem
	}
	w := []rune(word)
	if len(w) <= 2 {
		return word
	}
	for _, step := range []func([]rune) []rune{step1a, step1b, step1c, step2, step3, step4, step5a, step5b} {
		w = step(w)
	}
	return string(w)
}

func irregular(word string) (string, bool) {
	switch word {
	case "sky", "skies":
		return "sky", true
	case "dying":
		return "die", true
	case "lying":
		return "lie", true
	case "tying":
		return "tie", true
	case "innings", "inning":
		return "inning", true
	case "outings", "outing":
		return "outing", true
	case "cannings", "canning":
		return "canning", true
	case "news", "howe", "proceed", "exceed", "succeed":
		return word, true
	}
	return "", false
}

// consonants tells for each letter whether it is a consonant. A y is one at the start and after a
// vowel.
func consonants(w []rune) []bool {
	flags := make([]bool, len(w))
	for i, r := range w {
		switch r {
		case 'a', 'e', 'i', 'o', 'u':
		case 'y':
			flags[i] = i == 0 || !flags[i-1]
		default:
			flags[i] = true
		}
	}
	return flags
}

// measure is m in Porter's form [C](VC)^m[V]: the number of changes from vowel to consonant.
func measure(w []rune) int {
	flags := consonants(w)
	m := 0
	for i := 1; i < len(flags); i++ {
		if flags[i] && !flags[i-1] {
			m++
		}
	}
	return m
}

func hasVowel(w []rune) bool { return slices.Contains(consonants(w), false) }

// endsDouble is Porter's condition *d: the word ends in a double consonant.
func endsDouble(w []rune) bool {
	n := len(w)
	return n >= 2 && w[n-1] == w[n-2] && consonants(w)[n-1]
}

// endsCVC is Porter's condition *o: consonant, vowel, consonant other than w, x and y. nltk adds
// words of a vowel and a consonant.
func endsCVC(w []rune) bool {
	n := len(w)
	if n < 2 {
		return false
	}
	c := consonants(w)
	if n == 2 {
		return !c[0] && c[1]
	}
	return c[n-3] && !c[n-2] && c[n-1] && !strings.ContainsRune("wxy", w[n-1])
}

// suffixed returns the word without the suffix.
func suffixed(w []rune, suffix string) (stem []rune, ok bool) {
	s := []rune(suffix)
	if len(w) < len(s) || !slices.Equal(w[len(w)-len(s):], s) {
		return nil, false
	}
	return w[:len(w)-len(s)], true
}

func join(stem []rune, suffix string) []rune { return append(slices.Clone(stem), []rune(suffix)...) }

// rule replaces a suffix where the stem meets the condition.
type rule struct {
	suffix, replacement string
	when                func(stem []rune) bool
}

// apply applies the first rule whose suffix the word has; later rules are not tried.
func apply(w []rune, rules []rule) []rune {
	for _, r := range rules {
		stem, ok := suffixed(w, r.suffix)
		if !ok {
			continue
		}
		if r.when != nil && !r.when(stem) {
			return w
		}
		return join(stem, r.replacement)
	}
	return w
}

func positive(stem []rune) bool { return measure(stem) > 0 }
func aboveOne(stem []rune) bool { return measure(stem) > 1 }

func step1a(w []rune) []rune {
	if stem, ok := suffixed(w, "ies"); ok && len(w) == 4 {
		return join(stem, "ie")
	}
	return apply(w, []rule{{"sses", "ss", nil}, {"ies", "i", nil}, {"ss", "ss", nil}, {"s", "", nil}})
}

func step1b(w []rune) []rune {
	if stem, ok := suffixed(w, "ied"); ok {
		if len(w) == 4 {
			return join(stem, "ie")
		}
		return join(stem, "i")
	}
	if stem, ok := suffixed(w, "eed"); ok {
		if positive(stem) {
			return join(stem, "ee")
		}
		return w
	}
	stem, ok := suffixed(w, "ed")
	if !ok || !hasVowel(stem) {
		if stem, ok = suffixed(w, "ing"); !ok || !hasVowel(stem) {
			return w
		}
	}
	for _, end := range []string{"at", "bl", "iz"} {
		if _, ok := suffixed(stem, end); ok {
			return join(stem, "e")
		}
	}
	if endsDouble(stem) {
		if strings.ContainsRune("lsz", stem[len(stem)-1]) {
			return stem
		}
		return stem[:len(stem)-1]
	}
	if measure(stem) == 1 && endsCVC(stem) {
		return join(stem, "e")
	}
	return stem
}

func step1c(w []rune) []rune {
	return apply(w, []rule{{"y", "i", func(stem []rune) bool {
		return len(stem) > 1 && consonants(stem)[len(stem)-1]
	}}})
}

func step2(w []rune) []rune {
	if stem, ok := suffixed(w, "alli"); ok && positive(stem) {
		return step2(join(stem, "al"))
	}
	rules := []rule{
		{"ational", "ate", positive}, {"tional", "tion", positive}, {"enci", "ence", positive},
		{"anci", "ance", positive}, {"izer", "ize", positive}, {"bli", "ble", positive},
		{"alli", "al", positive}, {"entli", "ent", positive}, {"eli", "e", positive},
		{"ousli", "ous", positive}, {"ization", "ize", positive}, {"ation", "ate", positive},
		{"ator", "ate", positive}, {"alism", "al", positive}, {"iveness", "ive", positive},
		{"fulness", "ful", positive}, {"ousness", "ous", positive}, {"aliti", "al", positive},
		{"iviti", "ive", positive}, {"biliti", "ble", positive}, {"fulli", "ful", positive},
		// nltk measures the word without "ogi" here, not the stem.
		{"logi", "log", func([]rune) bool { return positive(w[:len(w)-3]) }},
	}
	return apply(w, rules)
}

func step3(w []rune) []rune {
	return apply(w, []rule{
		{"icate", "ic", positive}, {"ative", "", positive}, {"alize", "al", positive},
		{"iciti", "ic", positive}, {"ical", "ic", positive}, {"ful", "", positive}, {"ness", "", positive},
	})
}

func step4(w []rune) []rune {
	rules := []rule{}
	for _, suffix := range []string{
		"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion",
		"ou", "ism", "ate", "iti", "ous", "ive", "ize",
	} {
		when := aboveOne
		if suffix == "ion" {
			when = func(stem []rune) bool {
				return aboveOne(stem) && strings.ContainsRune("st", stem[len(stem)-1])
			}
		}
		rules = append(rules, rule{suffix, "", when})
	}
	return apply(w, rules)
}

func step5a(w []rune) []rune {
	stem, ok := suffixed(w, "e")
	if !ok {
		return w
	}
	if m := measure(stem); m > 1 || m == 1 && !endsCVC(stem) {
		return stem
	}
	return w
}

func step5b(w []rune) []rune {
	return apply(w, []rule{{"ll", "l", func([]rune) bool { return aboveOne(w[:len(w)-1]) }}})
}
