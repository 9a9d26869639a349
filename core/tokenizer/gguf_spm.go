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

// ggufSentencePiece is the value of tokenizer.ggml.model for a SentencePiece vocabulary. It has
// scores instead of merges.
const (
	ggufSentencePiece = "llama"
	ggufScores        = "tokenizer.ggml.scores"
)

// maxPiece is the maximum size of a SentencePiece token in bytes. Each token is split at every
// position to find its merges. The longest tokens in use are runs of spaces of 93 bytes.
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

// mergesFromScores converts SentencePiece scores to merges. SentencePiece joins the adjacent pair
// that forms the token with the best score, the leftmost of equals.
func (l *loader) mergesFromScores(f *gguf.File) error {
	t := l.t
	scores, ok := f.Metadata[ggufScores].Floats()
	switch {
	case !ok:
		return l.fault(fault.Missing, gguf.Field(ggufScores), "is not a list of numbers").WithRemedy(downloadAgain)
	case len(scores) != len(t.tokens):
		return l.fault(fault.Mismatch, gguf.Field(ggufScores), "has %d entries, but there are %d tokens", len(scores),
			len(t.tokens)).WithRemedy(downloadAgain)
	}
	var order []int // of tokens that a merge can produce
	for spelled, id := range l.vocab {
		if len(spelled) > maxPiece {
			return l.fault(fault.TooLarge, fmt.Sprintf("%s[%d]", gguf.Field(ggufTokens), id), "has %d bytes",
				len(spelled)).WithLimit("%d", maxPiece)
		}
		if math.IsNaN(scores[id]) {
			return l.fault(fault.NaN, fmt.Sprintf("%s[%d]", gguf.Field(ggufScores), id), "is not a number").
				WithRemedy(downloadAgain)
		}
		if _, isByte := byteToken(spelled); !isByte && utf8.RuneCountInString(spelled) > 1 {
			order = append(order, int(id))
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	t.bpe.merges = make(map[uint64]mergeRule, 4*len(order))
	rank := uint32(0)
	for i, id := range order {
		if i > 0 && scores[id] != scores[order[i-1]] {
			rank++
		}
		spelled := t.tokens[id].spelling
		for cut := range spelled {
			left, ok := t.bpe.tokens[spelled[:cut]]
			right, also := t.bpe.tokens[spelled[cut:]]
			if cut == 0 || !ok || !also {
				continue
			}
			if len(t.bpe.merges) == maxMerges {
				return l.fault(fault.TooLarge, gguf.Field(ggufTokens), "allows too many merges").
					WithLimit("%d", maxMerges)
			}
			t.bpe.merges[pairKey(left, right)] = mergeRule{rank: rank, id: int32(id)}
		}
	}
	return nil
}
