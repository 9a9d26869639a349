package history

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The constants of BM25; the values are Lucene's.
const (
	bm25K1 = 1.2
	bm25B  = 0.75
)

// BM25 selects the items most similar to the query's context (Robertson & Zaragoza 2009). The score
// of an item is the sum over the words t of that context of
//
//	idf(t) · tf·(k1+1) / (tf + k1·(1 − b + b·length/average))
//	idf(t) = ln(1 + (N − n + ½)/(n + ½))
//
// N, n and the average count only items before the query, so later items have no influence. Among
// equal scores newer items come first. Items without a common word come last. The zero value is
// ready to use and safe for concurrent use.
type BM25 struct {
	mu   sync.Mutex
	docs map[string]*document // by content, see document
}

// document is the word counts of an item.
type document struct {
	counts map[string]int
	length int // words
}

// maxDocuments bounds the cache of documents.
const maxDocuments = 200_000

// Select implements Retriever.
func (b *BM25) Select(items []Item, query, k int) []int {
	candidates := earlier(items, query)
	scores := b.scores(items, candidates, words(values(items[query])))
	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(scores[j], scores[i]), cmp.Compare(j, i)) // candidates are in chronological order
	})
	out := make([]int, 0, max(0, min(k, len(order))))
	for _, i := range order[:cap(out)] {
		out = append(out, candidates[i])
	}
	return out
}

// scores returns the score of each candidate for a list of words; repeated words count repeatedly.
func (b *BM25) scores(items []Item, candidates []int, query []string) []float64 {
	docs := make([]*document, len(candidates))
	total := 0
	for i, c := range candidates {
		docs[i] = b.document(items[c])
		total += docs[i].length
	}
	average := max(1, float64(total)/float64(max(1, len(docs))))
	scores := make([]float64, len(docs))
	for _, t := range query {
		n := 0
		for _, d := range docs {
			if d.counts[t] > 0 {
				n++
			}
		}
		idf := math.Log(1 + (float64(len(docs)-n)+0.5)/(float64(n)+0.5))
		for i, d := range docs {
			tf := float64(d.counts[t])
			scores[i] += idf * tf * (bm25K1 + 1) / (tf + bm25K1*(1-bm25B+bm25B*float64(d.length)/average))
		}
	}
	return scores
}

// document returns the word counts of an item. They are cached by content, because training
// retrieves the same items many times.
func (b *BM25) document(it Item) *document {
	content := values(it) + "\n" + it.Text
	b.mu.Lock()
	d := b.docs[content]
	b.mu.Unlock()
	if d != nil {
		return d
	}
	d = &document{counts: map[string]int{}}
	for _, w := range words(content) {
		d.counts[w]++
		d.length++
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.docs == nil || len(b.docs) >= maxDocuments {
		b.docs = map[string]*document{}
	}
	b.docs[content] = d
	return d
}

// values joins the values of an item's context.
func values(it Item) string {
	var b strings.Builder
	for i, f := range it.Context {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Value)
	}
	return b.String()
}

// words splits text into runs of letters, digits and combining marks, in lower case and Unicode
// compatibility form (NFKC).
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFKC.String(s)), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c)
	})
}
