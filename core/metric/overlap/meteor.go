package overlap

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// The parameters of METEOR (Lavie and Agarwal 2007, table 1).
const (
	meteorAlpha = .9 // weight of recall in the harmonic mean
	meteorBeta  = 3. // exponent of the fragmentation penalty
	meteorGamma = .5 // its largest value
)

// METEOR scores a hypothesis against a reference, from 0 to 1. Words match when they are equal
// after lower-casing, then when their stems are equal (PorterStem). Synonyms do not match: that
// stage needs WordNet. Texts are tokenised by Tokenize13a.
func METEOR(hypothesis, reference string) float64 {
	lower := cases.Lower(language.Und)
	fold := func(text string) []string {
		words := Tokenize13a(text)
		for i, w := range words {
			words[i] = lower.String(w)
		}
		return words
	}
	h, r := fold(hypothesis), fold(reference)
	pairs := align(h, r)
	if len(pairs) == 0 {
		return 0
	}
	precision := float64(len(pairs)) / float64(len(h))
	recall := float64(len(pairs)) / float64(len(r))
	mean := precision * recall / (meteorAlpha*precision + (1-meteorAlpha)*recall)
	fragmentation := float64(chunks(pairs)) / float64(len(pairs))
	return (1 - meteorGamma*math.Pow(fragmentation, meteorBeta)) * mean
}

// pair is the positions of two matched words.
type pair struct{ hypothesis, reference int }

// align matches equal words first, then equal stems, each word once. The result is in the order of
// the hypothesis.
func align(h, r []string) []pair {
	var pairs []pair
	matchedH, matchedR := make([]bool, len(h)), make([]bool, len(r))
	for _, key := range []func(string) string{func(w string) string { return w }, PorterStem} {
		free := map[string][]int{}
		for j, w := range r {
			if !matchedR[j] {
				free[key(w)] = append(free[key(w)], j)
			}
		}
		// From the last word on: nltk pairs the last occurrences with each other.
		for i := len(h) - 1; i >= 0; i-- {
			if matchedH[i] {
				continue
			}
			k := key(h[i])
			positions := free[k]
			if len(positions) == 0 {
				continue
			}
			j := positions[len(positions)-1]
			free[k] = positions[:len(positions)-1]
			matchedH[i], matchedR[j] = true, true
			pairs = append(pairs, pair{i, j})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.hypothesis, b.hypothesis) })
	return pairs
}

// chunks counts the runs of pairs that are adjacent in both texts.
func chunks(pairs []pair) int {
	n := 1
	for i := 1; i < len(pairs); i++ {
		if pairs[i] != (pair{pairs[i-1].hypothesis + 1, pairs[i-1].reference + 1}) {
			n++
		}
	}
	return n
}
