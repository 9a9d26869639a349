// Package tokenizer turns text into token ids and back, as a Hugging Face tokenizer.json or the metadata of a GGUF file describes:
// byte-level BPE (GPT-2, Llama 3, Qwen), and the BPE of SentencePiece with byte fallback (Llama 2, TinyLlama, Mistral).
//
// The ids are those of the reference implementation (the tokenizers library) on every text that is valid Unicode, but for
// characters younger than this Go's Unicode tables, which count as symbols when the text is cut into words, and for combining marks
// younger than the reference's tables (Unicode 13), which it does not put in order.
//
// A text that is not valid is encoded byte for byte: bytes outside UTF-8 count as U+FFFD when the text is cut into words, but it is
// they that are encoded. So Decode(Encode(x)) = x holds for any bytes, as long as the file asks for no Unicode normal form and no
// prefix space that it does not take away again, and its vocabulary has all 256 bytes (MissingBytes). SentencePiece itself takes ▁ for
// a space.
//
// Encode never produces a special token (unless a file declares one of the 256 byte tokens special): a person's text cannot
// smuggle in an end of turn.
package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Tokenizer is a loaded tokenizer.json. It is safe for concurrent use.
type Tokenizer struct {
	normalizers []normalizer
	stages      []stage
	metaspace   *metaspace // nil: none
	dropsSpace  bool       // decoding takes one space from the start of a text
	bpe         bpe
	tokens      []token          // by id
	ids         map[string]int32 // by spelling
	added       []Added          // by order in the file
	rawAdded    trie             // looked for in the text as given
	normAdded   trie             // looked for in the normalised text
}

type token struct {
	spelled string // as the file has it: "Ġthe"
	raw     string // the bytes it stands for: " the"
	special bool
}

// Encode gives the ids of a text. Added tokens in it are ordinary text, special or not.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.encodePart(nil, t.normalize(text, atStart), atStart)
}

// EncodeNext is Encode for a text that goes on from others: no prefix space is put before it.
func (t *Tokenizer) EncodeNext(text string) []int32 {
	return t.encodePart(nil, t.normalize(text, goesOn), goesOn)
}

// EncodeWithSpecials gives the ids of a text in which added tokens, "<|im_end|>" say, stand for themselves, as in the reference.
// It is for text that we or the model's makers wrote (templates), not for text from outside: see Escape. No token is put around it.
func (t *Tokenizer) EncodeWithSpecials(text string) []int32 {
	return t.encodeParts(text, atStart, false)
}

// place tells what precedes a part of a text, for those who put a space before it.
type place uint8

const (
	atStart    place = iota // nothing
	afterToken              // an added token, or a part before one
	goesOn                  // text that was encoded by itself
)

func (t *Tokenizer) encodeParts(text string, at place, escaped bool) []int32 {
	var ids []int32
	token := func(a *Added) {
		ids = append(ids, a.ID)
		at = afterToken
	}
	t.rawAdded.cut(text, escaped, func(raw string) {
		t.normAdded.cut(t.normalize(raw, at), escaped, func(s string) {
			if escaped {
				s = Unescape(s)
			}
			ids = t.encodePart(ids, s, at)
			at = afterToken
		}, token)
	}, token)
	return ids
}

func (t *Tokenizer) normalize(s string, at place) string {
	for _, n := range t.normalizers {
		if n == (prepend{}) && at == goesOn {
			continue
		}
		s = n.apply(s)
	}
	return s
}

// encodePart appends the ids of a normalised text.
func (t *Tokenizer) encodePart(ids []int32, s string, at place) []int32 {
	if s == "" {
		return ids
	}
	if t.metaspace != nil {
		s = t.metaspace.mark(s, at)
	}
	apply(t.stages, s, func(word string) { ids = t.bpe.encode(ids, word) })
	return ids
}

// Decode gives the bytes that ids stand for, special tokens as they are spelled. Ids without a token are left out: models pad
// their vocabulary. The result need not be valid UTF-8 if the ids are cut from a longer text.
func (t *Tokenizer) Decode(ids []int32) string { return t.decode(ids, false) }

// DecodeText is Decode without special tokens: what a person is shown.
func (t *Tokenizer) DecodeText(ids []int32) string { return t.decode(ids, true) }

func (t *Tokenizer) decode(ids []int32, skip bool) string {
	var b strings.Builder
	for _, id := range ids {
		if !skip || !t.IsSpecial(id) {
			b.WriteString(t.raw(id))
		}
	}
	if t.dropsSpace {
		return strings.TrimPrefix(b.String(), " ")
	}
	return b.String()
}

func (t *Tokenizer) raw(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id].raw
}

// VocabSize is the number of ids, added tokens included. A model's table may have more rows.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID finds a token as the file spells it: "Ġthe", "<|im_end|>".
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token gives the spelling of an id, or "" for an id without token.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id].spelled
}

// IsSpecial tells whether an id is a control token, which is not shown to people.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.tokens) && t.tokens[id].special
}

// Added lists the added tokens in the order of the file.
func (t *Tokenizer) Added() []Added { return append([]Added(nil), t.added...) }

// MissingBytes lists the bytes that have no token; texts with them do not survive encoding.
func (t *Tokenizer) MissingBytes() []byte {
	var out []byte
	for b, id := range t.bpe.byteID {
		if id < 0 {
			out = append(out, byte(b))
		}
	}
	return out
}

// Stream decodes ids one at a time for display. A character whose bytes are spread over several tokens comes out whole, with
// the last of them. All that Push and Flush return, joined, is Decode of the ids, or DecodeText.
type Stream struct {
	t    *Tokenizer
	skip bool
	went bool   // something has been pushed
	held []byte // an unfinished character, at most 3 bytes
}

// Stream starts a stream.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// TextStream starts a stream without special tokens.
func (t *Tokenizer) TextStream() *Stream { return &Stream{t: t, skip: true} }

// Push adds a token and returns the text that is now complete, possibly none.
func (s *Stream) Push(id int32) string {
	raw := s.t.raw(id)
	if s.skip && s.t.IsSpecial(id) {
		raw = ""
	}
	if !s.went && raw != "" {
		s.went = true
		if s.t.dropsSpace {
			raw = strings.TrimPrefix(raw, " ")
		}
	}
	b := append(s.held, raw...)
	n := len(b) - unfinished(b)
	out := string(b[:n])
	s.held = append(s.held[:0], b[n:]...)
	return out
}

// Flush returns what is held back, which is not a whole character, and starts anew.
func (s *Stream) Flush() string {
	out := string(s.held)
	s.held, s.went = s.held[:0], false
	return out
}

// unfinished counts the bytes at the end of b that begin a character without ending it.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
