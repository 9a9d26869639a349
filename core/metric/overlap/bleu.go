package overlap

import (
	"math"
	"strings"
)

// bleuOrder is the longest n-gram of BLEU-4.
const bleuOrder = 4

// BLEU holds the counts that BLEU is computed from. The counts of several texts add up to those of
// a corpus.
type BLEU struct {
	HypothesisWords int
	ReferenceWords  int
	// Matched and Total are, by n-gram length 1 to 4, the n-grams of the hypothesis that also occur
	// in the reference, and all of them.
	Matched [bleuOrder]int
	Total   [bleuOrder]int
}

// NewBLEU counts the n-grams of one hypothesis and its reference, case-sensitive, tokenised by
// Tokenize13a.
func NewBLEU(hypothesis, reference string) BLEU {
	h := Tokenize13a(strings.TrimRightFunc(hypothesis, isSpace))
	r := Tokenize13a(strings.TrimRightFunc(reference, isSpace))
	b := BLEU{HypothesisWords: len(h), ReferenceWords: len(r)}
	for n := 1; n <= bleuOrder; n++ {
		b.Matched[n-1] = sharedNGrams(h, r, n)
		b.Total[n-1] = max(0, len(h)-n+1)
	}
	return b
}

// Add adds the counts of another text.
func (b *BLEU) Add(other BLEU) {
	b.HypothesisWords += other.HypothesisWords
	b.ReferenceWords += other.ReferenceWords
	for n := range bleuOrder {
		b.Matched[n] += other.Matched[n]
		b.Total[n] += other.Total[n]
	}
}

// Corpus is the score from 0 to 100 of the added texts, with sacrebleu's default smoothing: an
// n-gram length without a match counts as 1/2, 1/4, … of one match (Chen and Cherry 2014, method
// 3).
func (b BLEU) Corpus() float64 { return b.score(false) }

// Sentence is the score of a single text. N-gram lengths that the hypothesis is too short for are
// left out (sacrebleu's effective order).
func (b BLEU) Sentence() float64 { return b.score(true) }

func (b BLEU) score(effectiveOrder bool) float64 {
	if b.Matched == [bleuOrder]int{} {
		return 0
	}
	order := bleuOrder
	smoothing := 1.
	var logs [bleuOrder]float64
	for n := range logs {
		logs[n] = math.Inf(-1)
	}
	for n := range bleuOrder {
		if b.Total[n] == 0 {
			break
		}
		if effectiveOrder {
			order = n + 1
		}
		matched := float64(b.Matched[n])
		if b.Matched[n] == 0 {
			smoothing *= 2
			matched = 1 / smoothing
		}
		logs[n] = math.Log(100 * matched / float64(b.Total[n]))
	}
	sum := 0.
	for _, l := range logs[:order] {
		sum += l
	}
	return b.brevityPenalty() * math.Exp(sum/float64(order))
}

func (b BLEU) brevityPenalty() float64 {
	if b.HypothesisWords >= b.ReferenceWords {
		return 1
	}
	return math.Exp(1 - float64(b.ReferenceWords)/float64(b.HypothesisWords))
}
