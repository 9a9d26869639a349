package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

func (l *loader) readModel(r *jsonx.Reader) error {
	return r.Object(func(key string) error {
		field := "model." + key
		unsupported := func(value string) error {
			return l.fault(fault.Unsupported, field, "is %s", value).
				WithRemedy("use the tokenizer.json of a byte-level BPE model")
		}
		switch key {
		case "type":
			s, err := r.String()
			if err == nil && s != "BPE" {
				return unsupported(fault.Quote(s))
			}
			return err
		case "vocab":
			return l.readVocab(r)
		case "merges":
			return l.readMerges(r)
		case "unk_token":
			if r.Null() {
				return nil
			}
			s, err := r.String()
			l.unknown = s
			return err
		case "continuing_subword_prefix", "end_of_word_suffix":
			if r.Null() {
				return nil
			}
			s, err := r.String()
			if err == nil && s != "" {
				return unsupported(fault.Quote(s))
			}
			return err
		case "dropout":
			if r.Null() {
				return nil
			}
			p, err := r.Float()
			if err == nil && p != 0 {
				return unsupported(fmt.Sprint(p))
			}
			return err
		case "byte_fallback":
			if r.Null() {
				return nil
			}
			on, err := r.Bool()
			l.t.bpe.characters = on
			return err
		case "fuse_unk":
			if r.Null() {
				return nil
			}
			on, err := r.Bool()
			l.fuseUnknown = on
			return err
		case "ignore_merges":
			if r.Null() {
				return nil
			}
			on, err := r.Bool()
			l.t.bpe.ignoreMerges = on
			return err
		}
		return r.Skip()
	})
}

func (l *loader) readVocab(r *jsonx.Reader) error {
	l.vocab = map[string]int32{}
	return r.Object(func(spelled string) error {
		field := func() string { return "model.vocab " + fault.Quote(spelled) }
		id, err := r.Int()
		if err != nil {
			return err
		}
		if _, twice := l.vocab[spelled]; twice {
			return l.fault(fault.Malformed, field(), "appears twice").WithRemedy(downloadAgain)
		}
		if err := l.checkToken(field, spelled, id); err != nil {
			return err
		}
		if len(l.vocab) == maxTokens {
			return l.fault(fault.TooLarge, "model.vocab", "has too many tokens").WithLimit("%d", maxTokens)
		}
		l.vocab[spelled] = int32(id)
		return nil
	})
}

// checkToken checks one of up to a million tokens. Only an error needs field, its name.
func (l *loader) checkToken(field func() string, spelled string, id int64) error {
	if id < 0 || id >= maxTokens {
		return l.fault(fault.OutOfRange, field(), "has the id %d", id).WithLimit("0 to %d", maxTokens-1).
			WithRemedy(downloadAgain)
	}
	if len(spelled) > maxTokenBytes {
		return l.fault(fault.TooLarge, field(), "is too long").WithLimit("%d bytes", maxTokenBytes)
	}
	if spelled == "" {
		return l.fault(fault.Malformed, field(), "is empty").WithRemedy(downloadAgain)
	}
	return nil
}

// readMerges reads both forms of a merge: "a b" (old files) and ["a", "b"] (new files).
func (l *loader) readMerges(r *jsonx.Reader) error {
	l.merges = [][2]string{}
	return r.Array(func(i int) error {
		malformed := func() error {
			return l.fault(fault.Malformed, fmt.Sprintf("model.merges[%d]", i), "is not two tokens").
				WithRemedy(downloadAgain)
		}
		if i == maxMerges {
			return l.fault(fault.TooLarge, "model.merges", "has too many merges").WithLimit("%d", maxMerges)
		}
		var m [2]string
		if r.Peek() == '[' {
			n := 0
			err := r.Array(func(j int) error {
				if j == 2 {
					return malformed()
				}
				s, err := r.String()
				m[j] = s
				n++
				return err
			})
			if err == nil && n != 2 {
				err = malformed()
			}
			if err != nil {
				return err
			}
		} else {
			s, err := r.String()
			if err != nil {
				return err
			}
			if strings.HasPrefix(s, "#version") { // the first line of a merges.txt
				return nil
			}
			var ok bool
			if m[0], m[1], ok = strings.Cut(s, " "); !ok || strings.Contains(m[1], " ") {
				return malformed()
			}
		}
		l.merges = append(l.merges, m)
		return nil
	})
}

func (l *loader) readAdded(r *jsonx.Reader) error {
	return r.Array(func(i int) error {
		field := fmt.Sprintf("added_tokens[%d]", i)
		raw, err := r.Raw()
		if err != nil {
			return err
		}
		var a struct {
			ID         int64   `json:"id"`
			Content    *string `json:"content"`
			Special    bool    `json:"special"`
			SingleWord bool    `json:"single_word"`
			LStrip     bool    `json:"lstrip"`
			RStrip     bool    `json:"rstrip"`
			Normalized bool    `json:"normalized"`
		}
		if err := json.Unmarshal(raw, &a); err != nil || a.Content == nil {
			return l.fault(fault.Malformed, field, "is not an added token").WithCause(err).WithRemedy(downloadAgain)
		}
		if i == maxTokens {
			return l.fault(fault.TooLarge, "added_tokens", "has too many tokens").WithLimit("%d", maxTokens)
		}
		named := func() string { return field + " " + fault.Quote(*a.Content) }
		if err := l.checkToken(named, *a.Content, a.ID); err != nil {
			return err
		}
		l.t.added = append(l.t.added, Added{ID: int32(a.ID), Content: *a.Content, Special: a.Special,
			SingleWord: a.SingleWord,
			LStrip:     a.LStrip, RStrip: a.RStrip, Normalized: a.Normalized})
		return nil
	})
}
