// Package tokenizer turns text into token ids and back, as a Hugging Face tokenizer.json of the byte-level BPE kind describes.
//
// The ids are those of the reference implementation (the tokenizers library) on every text that is valid Unicode, but for
// characters younger than this Go's Unicode tables, which count as symbols when the text is cut into words. A text that is not
// valid is encoded byte for byte: bytes outside UTF-8 count as U+FFFD when the text is cut into words, but it is they that are
// encoded, so that Decode(Encode(x)) = x holds for any bytes, as long as the file asks for no normalizer and no prefix space and
// its vocabulary has all 256 bytes (MissingBytes).
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
	return t.encodeNormal(nil, t.normalize(text))
}

// EncodeWithSpecials gives the ids of a text in which added tokens, "<|im_end|>" say, stand for themselves, as in the reference.
// It is for text that we or the model's makers wrote (templates), not for text from outside. No token is put around it.
func (t *Tokenizer) EncodeWithSpecials(text string) []int32 {
	var ids []int32
	token := func(a *Added) { ids = append(ids, a.ID) }
	t.rawAdded.cut(text, func(raw string) {
		t.normAdded.cut(t.normalize(raw), func(s string) { ids = t.encodeNormal(ids, s) }, token)
	}, token)
	return ids
}

func (t *Tokenizer) normalize(s string) string {
	for _, n := range t.normalizers {
		s = n.apply(s)
	}
	return s
}

func (t *Tokenizer) encodeNormal(ids []int32, s string) []int32 {
	if s == "" {
		return ids
	}
	apply(t.stages, s, func(word string) { ids = t.bpe.encode(ids, word) })
	return ids
}

// Decode gives the bytes that ids stand for, special tokens as they are spelled. Ids without a token are left out: models pad
// their vocabulary. The result need not be valid UTF-8 if the ids are cut from a longer text.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(t.raw(id))
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
// the last of them. All that Push and Flush return, joined, is Decode of the ids.
type Stream struct {
	t    *Tokenizer
	held []byte // an unfinished character, at most 3 bytes
}

// Stream starts a stream.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Push adds a token and returns the text that is now complete, possibly none.
func (s *Stream) Push(id int32) string {
	b := append(s.held, s.t.raw(id)...)
	n := len(b) - unfinished(b)
	out := string(b[:n])
	s.held = append(s.held[:0], b[n:]...)
	return out
}

// Flush returns what is held back, which is not a whole character, and starts anew.
func (s *Stream) Flush() string {
	out := string(s.held)
	s.held = s.held[:0]
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
