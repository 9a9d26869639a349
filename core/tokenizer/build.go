package tokenizer

import (
	"fmt"
	"slices"

	"nextquill/core/fault"
)

// maxGap bounds the ids without a token, which have no meaning but need memory.
const maxGap = 100_000

// buildVocab orders the tokens by id and checks that no id has two tokens. An id without a token
// is never the result of encoding, and decodes to nothing, as in the reference.
func (l *loader) buildVocab() error {
	t := l.t
	t.ids = make(map[string]int32, len(l.vocab)+len(l.t.added))
	size := 0
	for _, id := range l.vocab {
		size = max(size, int(id)+1)
	}
	for _, a := range t.added {
		size = max(size, int(a.ID)+1)
	}
	// This is checked before allocating: a file with two tokens may contain the id 999999.
	if total := len(l.vocab) + len(t.added); size > total+maxGap {
		return l.fault(fault.TooLarge, "model.vocab", "has %d tokens including added ones, but ids up to %d",
			total, size-1).
			WithLimit("%d ids without a token", maxGap).
			WithRemedy("give the tokens consecutive ids, from 0, as the tokenizers library does")
	}
	t.tokens = make([]token, size)
	t.bpe.tokens = make(map[string]int32, len(l.vocab))
	for b := range t.bpe.byteID {
		t.bpe.byteID[b] = -1
	}
	for spelled, id := range l.vocab {
		if other := t.tokens[id].spelling; other != "" {
			return l.fault(fault.Malformed, "model.vocab", "gives the id %d to both %s and %s", id,
				fault.Quote(min(other, spelled)),
				fault.Quote(max(other, spelled))).WithRemedy(downloadAgain)
		}
		t.tokens[id] = token{spelling: spelled, raw: l.addToken(spelled, id)}
		t.ids[spelled] = id
	}
	if b := slices.Index(t.bpe.byteID[:], -1); b >= 0 && t.bpe.characters {
		return l.fault(fault.Missing, "model.vocab", "has no token <0x%02X>, which byte_fallback needs", b).
			WithRemedy("add the 256 tokens <0x00> to <0xFF>, or use a byte-level BPE model")
	} else if b >= 0 && l.fallback {
		return l.fault(fault.Unsupported, "model.byte_fallback", "is true, but the vocabulary has no byte 0x%02X", b).
			WithRemedy("set byte_fallback to false: with all bytes in the vocabulary it has no effect")
	}
	for i, a := range t.added {
		field := fmt.Sprintf("added_tokens[%d] %s", i, fault.Quote(a.Content))
		if id, ok := t.ids[a.Content]; ok && id != a.ID {
			return l.fault(fault.Mismatch, field, "has the id %d, but the token has %d", a.ID, id).
				WithRemedy(downloadAgain)
		}
		if other := t.tokens[a.ID].spelling; other != "" && other != a.Content {
			return l.fault(fault.Malformed, field, "has the id %d of %s", a.ID, fault.Quote(other)).
				WithRemedy(downloadAgain)
		}
		t.tokens[a.ID] = token{spelling: a.Content, raw: a.Content, special: a.Special}
		if a.Special { // ordinary text must not become a control token, even if it spells one
			if t.bpe.characters {
				delete(t.bpe.tokens, a.Content)
			} else if raw, ok := spelledBytes(a.Content); ok {
				delete(t.bpe.tokens, raw)
			}
		}
		t.ids[a.Content] = a.ID
	}
	t.bpe.unknown = -1
	if l.unknown == "" {
		return nil
	}
	id, ok := l.vocab[l.unknown]
	switch {
	case ok:
		t.bpe.unknown = id
	case slices.Contains(t.bpe.byteID[:], -1): // otherwise no text is unknown
		return l.fault(fault.Missing, "model.unk_token", "%s is not in the vocabulary, which lacks bytes",
			fault.Quote(l.unknown)).
			WithRemedy("add %s to model.vocab, or set unk_token to null", fault.Quote(l.unknown))
	}
	return nil
}

// addToken registers a vocabulary token with the merges and returns its bytes.
func (l *loader) addToken(spelled string, id int32) (raw string) {
	m := &l.t.bpe
	if m.characters {
		m.tokens[spelled] = id
		if b, ok := byteToken(spelled); ok {
			m.byteID[b] = id
		}
		return sentencePieceBytes(spelled)
	}
	raw, ok := spelledBytes(spelled)
	if !ok {
		return spelled
	}
	m.tokens[raw] = id
	if len(raw) == 1 {
		m.byteID[raw[0]] = id
	}
	return raw
}

func (l *loader) buildMerges() error {
	l.t.bpe.merges = make(map[uint64]mergeRule, len(l.merges))
	for i, m := range l.merges {
		unknown := func(verb, token string) error {
			return l.fault(fault.Mismatch, fmt.Sprintf("model.merges[%d]", i), "%s %s, which is not in the vocabulary",
				verb, fault.Quote(token)).WithRemedy(downloadAgain)
		}
		var ids [2]int32
		for j, part := range m {
			id, ok := l.vocab[part]
			if !ok {
				return unknown("joins", part)
			}
			ids[j] = id
		}
		id, ok := l.vocab[m[0]+m[1]]
		if !ok {
			return unknown("makes", m[0]+m[1])
		}
		if !l.t.tokens[id].special { // as above
			l.t.bpe.merges[pairKey(ids[0], ids[1])] = mergeRule{rank: uint32(i), id: id}
		}
	}
	return nil
}

func (l *loader) buildAdded() error {
	for i := range l.t.added {
		a := &l.t.added[i]
		if a.Normalized {
			l.t.normAdded.insert(l.t.normalize(a.Content, atStart), a)
		} else {
			l.t.rawAdded.insert(a.Content, a)
		}
	}
	return nil
}
