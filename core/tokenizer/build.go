package tokenizer

import (
	"fmt"
	"slices"

	"nextquill/core/fault"
)

// buildVocab lays the tokens out by id and checks that every id up to the last has exactly one.
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
	// Checked before allocating: a file of two tokens may name the id 999999.
	if total := len(l.vocab) + len(t.added); size > total {
		return l.fault(fault.Malformed, "model.vocab", "has %d tokens, added ones included, but ids up to %d: there are gaps", total, size-1).
			WithRemedy(fetchAgain)
	}
	t.tokens = make([]token, size)
	t.bpe.whole = make(map[string]int32, len(l.vocab))
	for b := range t.bpe.byteID {
		t.bpe.byteID[b] = -1
	}
	for spelled, id := range l.vocab {
		if other := t.tokens[id].spelled; other != "" {
			return l.fault(fault.Malformed, "model.vocab", "gives the id %d to both %s and %s", id, fault.Quote(min(other, spelled)),
				fault.Quote(max(other, spelled))).WithRemedy(fetchAgain)
		}
		t.tokens[id] = token{spelled: spelled, raw: l.enter(spelled, id)}
		t.ids[spelled] = id
	}
	if b := slices.Index(t.bpe.byteID[:], -1); b >= 0 && t.bpe.characters {
		return l.fault(fault.Missing, "model.vocab", "has no token <0x%02X>, which byte_fallback needs", b).WithRemedy(fetchAgain)
	}
	for i, a := range t.added {
		field := fmt.Sprintf("added_tokens[%d] %s", i, fault.Quote(a.Content))
		if id, ok := t.ids[a.Content]; ok && id != a.ID {
			return l.fault(fault.Mismatch, field, "has the id %d, but the token has %d", a.ID, id).WithRemedy(fetchAgain)
		}
		if other := t.tokens[a.ID].spelled; other != "" && other != a.Content {
			return l.fault(fault.Malformed, field, "has the id %d of %s", a.ID, fault.Quote(other)).WithRemedy(fetchAgain)
		}
		t.tokens[a.ID] = token{spelled: a.Content, raw: a.Content, special: a.Special}
		if a.Special { // ordinary text must not become a control token, even where it spells one
			if t.bpe.characters {
				delete(t.bpe.whole, a.Content)
			} else if raw, ok := spelledBytes(a.Content); ok {
				delete(t.bpe.whole, raw)
			}
		}
		t.ids[a.Content] = a.ID
	}
	if i := slices.IndexFunc(t.tokens, func(k token) bool { return k.spelled == "" }); i >= 0 {
		return l.fault(fault.Malformed, "model.vocab", "has no token of id %d", i).WithRemedy(fetchAgain)
	}
	t.bpe.unknown = -1
	if l.unknown != "" {
		id, ok := l.vocab[l.unknown]
		if !ok {
			return l.fault(fault.Missing, "model.unk_token", "%s is not in the vocabulary", fault.Quote(l.unknown)).WithRemedy(fetchAgain)
		}
		t.bpe.unknown = id
	}
	return nil
}

// enter makes a token of the vocabulary known to the merges and gives the bytes that it stands for.
func (l *loader) enter(spelled string, id int32) (raw string) {
	m := &l.t.bpe
	if m.characters {
		m.whole[spelled] = id
		if b, ok := byteToken(spelled); ok {
			m.byteID[b] = id
		}
		return sentencePieceBytes(spelled)
	}
	raw, ok := spelledBytes(spelled)
	if !ok {
		return spelled
	}
	m.whole[raw] = id
	if len(raw) == 1 {
		m.byteID[raw[0]] = id
	}
	return raw
}

func (l *loader) buildMerges() error {
	l.t.bpe.merges = make(map[uint64]merged, len(l.merges))
	for i, m := range l.merges {
		field := fmt.Sprintf("model.merges[%d]", i)
		var ids [2]int32
		for j, part := range m {
			id, ok := l.vocab[part]
			if !ok {
				return l.fault(fault.Mismatch, field, "joins %s, which is not in the vocabulary", fault.Quote(part)).WithRemedy(fetchAgain)
			}
			ids[j] = id
		}
		id, ok := l.vocab[m[0]+m[1]]
		if !ok {
			return l.fault(fault.Mismatch, field, "makes %s, which is not in the vocabulary", fault.Quote(m[0]+m[1])).WithRemedy(fetchAgain)
		}
		if !l.t.tokens[id].special { // as above
			l.t.bpe.merges[pairKey(ids[0], ids[1])] = merged{rank: uint32(i), id: id}
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
