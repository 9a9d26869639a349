package overlap

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Score is precision, recall and their harmonic mean, each from 0 to 1.
type Score struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// ROUGE has the three scores that are usually reported.
type ROUGE struct {
	One Score `json:"rouge1"` // unigrams
	Two Score `json:"rouge2"` // bigrams
	L   Score `json:"rougeL"` // longest common subsequence
}

// NewROUGE scores a hypothesis against a reference. Words are runs of a-z and 0-9 after
// lower-casing, without stemming, so text in other scripts has no words and scores 0, as with
// rouge-score. ROUGE-L takes time in proportion to the product of the two lengths: callers bound
// the texts.
func NewROUGE(hypothesis, reference string) ROUGE {
	h, r := rougeWords(hypothesis), rougeWords(reference)
	common := lcsLength(h, r)
	return ROUGE{
		One: newScore(sharedNGrams(h, r, 1), len(h), len(r)),
		Two: newScore(sharedNGrams(h, r, 2), len(h)-1, len(r)-1),
		L:   newScore(common, len(h), len(r)),
	}
}

func rougeWords(text string) []string {
	// cases.Lower maps U+0130 to two code points, as Python does.
	lower := cases.Lower(language.Und).String(text)
	return strings.FieldsFunc(lower, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

func newScore(shared, hypothesis, reference int) Score {
	s := Score{
		Precision: float64(shared) / float64(max(hypothesis, 1)),
		Recall:    float64(shared) / float64(max(reference, 1)),
	}
	if s.Precision+s.Recall > 0 {
		s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
	}
	return s
}

// sharedNGrams counts the n-grams of both, each as often as it occurs in the text that has it less.
func sharedNGrams(a, b []string, n int) int {
	counts := nGrams(a, n)
	shared := 0
	for gram, count := range nGrams(b, n) {
		shared += min(count, counts[gram])
	}
	return shared
}

// nGrams counts the n-grams of words, joined by spaces: no word contains one.
func nGrams(words []string, n int) map[string]int {
	counts := map[string]int{}
	for i := 0; i+n <= len(words); i++ {
		counts[strings.Join(words[i:i+n], " ")]++
	}
	return counts
}

// lcsLength is the length of the longest common subsequence, with one row of the usual table.
func lcsLength(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, word := range a {
		diagonal := 0
		for j, other := range b {
			above := row[j+1]
			if word == other {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return slices.Max(row)
}
