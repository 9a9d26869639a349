package tokenizer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
)

// ggufSentencePiece is what tokenizer.ggml.model says of a SentencePiece vocabulary. It has scores in place of merges.
const (
	ggufSentencePiece = "llama"
	ggufScores        = "tokenizer.ggml.scores"
)

// maxPiece bounds a piece of a SentencePiece vocabulary in bytes: each is cut everywhere to find its merges. The longest in use are
// runs of spaces, 93 bytes.
const maxPiece = 128

func (l *loader) loadSentencePiece(f *gguf.File) error {
	l.t.bpe.characters = true
	if err := l.readTokens(f); err != nil {
		return err
	}
	for _, step := range []func() error{l.buildVocab, func() error { return l.mergesFromScores(f) }, l.buildAdded} {
		if err := step(); err != nil {
			return err
		}
	}
	l.t.normalizers = []normalizer{markSpaces{}}
	if space, said := f.Metadata[ggufPrefix].Bool(); space || !said {
		l.t.normalizers = []normalizer{prepend{}, markSpaces{}}
		l.t.dropsSpace = true
	}
	l.cutAtMarks()
	return nil
}

// mergesFromScores writes SentencePiece's rule as merges: of all neighbours that together spell a token, those of the best score
// are joined first, the leftmost of equals.
func (l *loader) mergesFromScores(f *gguf.File) error {
	t := l.t
	scores, ok := f.Metadata[ggufScores].Floats()
	switch {
	case !ok:
		return l.fault(fault.Missing, gguf.Field(ggufScores), "is no list of numbers").WithRemedy(fetchAgain)
	case len(scores) != len(t.tokens):
		return l.fault(fault.Mismatch, gguf.Field(ggufScores), "has %d entries, there are %d tokens", len(scores), len(t.tokens)).WithRemedy(fetchAgain)
	}
	var order []int32 // of tokens that can come of a merge
	for spelled, id := range l.vocab {
		if len(spelled) > maxPiece {
			return l.fault(fault.TooLarge, fmt.Sprintf("%s[%d]", gguf.Field(ggufTokens), id), "has %d bytes", len(spelled)).WithLimit("%d", maxPiece)
		}
		if math.IsNaN(scores[id]) {
			return l.fault(fault.NaN, fmt.Sprintf("%s[%d]", gguf.Field(ggufScores), id), "is not a number").WithRemedy(fetchAgain)
		}
		if _, isByte := byteToken(spelled); !isByte && utf8.RuneCountInString(spelled) > 1 {
			order = append(order, id)
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	t.bpe.merges = make(map[uint64]merged, 4*len(order))
	rank := uint32(0)
	for i, id := range order {
		if i > 0 && scores[id] != scores[order[i-1]] {
			rank++
		}
		spelled := t.tokens[id].spelled
		for cut := range spelled {
			left, ok := t.bpe.whole[spelled[:cut]]
			right, also := t.bpe.whole[spelled[cut:]]
			if cut == 0 || !ok || !also {
				continue
			}
			if len(t.bpe.merges) == maxMerges {
				return l.fault(fault.TooLarge, gguf.Field(ggufTokens), "can be joined in too many ways").WithLimit("%d", maxMerges)
			}
			t.bpe.merges[pairKey(left, right)] = merged{rank: rank, id: id}
		}
	}
	return nil
}
