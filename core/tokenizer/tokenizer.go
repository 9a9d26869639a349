// Package tokenizer converts text to token ids and back. It reads a Hugging Face tokenizer.json or
// the metadata of a GGUF file: byte-level BPE (GPT-2, Llama 3, Qwen), or SentencePiece BPE with
// byte fallback (Llama 2, TinyLlama, Mistral).
//
// For valid Unicode text the ids equal those of the reference implementation (the tokenizers
// library), with two exceptions: characters newer than this Go's Unicode tables count as symbols
// when text is split into words, and combining marks newer than the reference's tables (Unicode 13)
// are reordered only here.
//
// Invalid text is encoded byte for byte. Bytes outside UTF-8 count as U+FFFD when the text is split
// into words. Decode(Encode(x)) = x therefore holds for any bytes, if the file has no Unicode
// normalization, removes any prefix space that it adds, and has all 256 bytes in its vocabulary
// (see MissingBytes). SentencePiece reads ▁ as a space.
//
// Encode never produces a special token, unless a file declares one of the 256 byte tokens special.
// User text therefore cannot end a turn of a chat.
//
// Files are untrusted. Invalid and unsupported files give a *fault.Error that names the field.
package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Tokenizer is a loaded tokenizer. It is safe for concurrent use.
type Tokenizer struct {
	normalizers []normalizer
	stages      []stage
	metaspace   *metaspace // nil if not used
	dropsSpace  bool       // decoding removes one space from the start of a text
	bpe         bpe
	tokens      []token          // by id
	ids         map[string]int32 // by spelling
	added       []Added          // in the order of the file
	addBOS      *bool            // whether a text begins with the BOS token, if the files say it
	bos         int32            // the BOS token, or -1
	begin       []int32          // tokens that the post-processor puts before a text
	rawAdded    trie             // matched in the original text
	normAdded   trie             // matched in the normalized text
}

type token struct {
	spelling string // in the file: "Ġthe"
	raw      string // its bytes: " the"
	special  bool
}

// Encode returns the ids of a text. Added tokens in it are ordinary text, special or not.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.encodePart(nil, t.normalize(text, atStart), atStart)
}

// EncodeNext is Encode for a text that continues another: it adds no prefix space.
func (t *Tokenizer) EncodeNext(text string) []int32 {
	return t.encodePart(nil, t.normalize(text, continued), continued)
}

// EncodeWithSpecials returns the ids of a text in which added tokens, such as "<|im_end|>", keep
// their meaning, as in the reference. It adds no tokens around the text. Use it for trusted text
// such as templates; see Escape for user text.
func (t *Tokenizer) EncodeWithSpecials(text string) []int32 {
	return t.encodeParts(text, atStart, false)
}

// place tells what precedes a part of a text. It decides whether a prefix space is added.
type place uint8

const (
	atStart    place = iota // start of the text
	afterToken              // after an added token, or after a part before one
	continued               // after text that was encoded separately
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
		if n == (prepend{}) && at == continued {
			continue
		}
		s = n.apply(s)
	}
	return s
}

// encodePart appends the ids of a normalized text.
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

// Decode returns the bytes of ids, with special tokens as they are spelled. Ids without a token are
// skipped, because models pad their vocabulary. The result may be invalid UTF-8 if the ids are part
// of a longer text.
func (t *Tokenizer) Decode(ids []int32) string { return t.decode(ids, false) }

// DecodeText is Decode without special tokens.
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

// VocabSize is the number of ids, including added tokens. A model's embedding table may have more
// rows.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID returns the id of a token in the file's spelling: "Ġthe", "<|im_end|>".
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token returns the spelling of an id, or "" for an id without token.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id].spelling
}

// IsSpecial reports whether an id is a control token, which is not shown to users.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.tokens) && t.tokens[id].special
}

// Added lists the added tokens in the order of the file.
func (t *Tokenizer) Added() []Added { return append([]Added(nil), t.added...) }

// Begin lists the tokens that go before a text, usually the BOS token or none. As in transformers,
// the post-processor of tokenizer.json decides. As in llama.cpp, add_bos_token takes precedence, in
// tokenizer_config.json or in the metadata of a GGUF file. bos is the BOS token of the model's
// config, or -1.
func (t *Tokenizer) Begin(bos int32) []int32 {
	if t.bos >= 0 {
		bos = t.bos
	}
	switch {
	case t.addBOS == nil:
		return slices.Clone(t.begin)
	case !*t.addBOS:
		return nil
	case len(t.begin) > 0:
		return slices.Clone(t.begin)
	case bos >= 0:
		return []int32{bos}
	}
	return nil
}

// MissingBytes lists the bytes without a token. Text that contains them does not survive encoding.
func (t *Tokenizer) MissingBytes() []byte {
	var out []byte
	for b, id := range t.bpe.byteID {
		if id < 0 {
			out = append(out, byte(b))
		}
	}
	return out
}

// Stream decodes ids one at a time for display. It returns a character that spans several tokens
// with the last of them. The concatenation of everything that Push and Flush return is Decode of
// the ids, or DecodeText.
type Stream struct {
	t       *Tokenizer
	skip    bool
	started bool   // a token has been pushed
	pending []byte // an incomplete character, at most 3 bytes
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
	if !s.started && raw != "" {
		s.started = true
		if s.t.dropsSpace {
			raw = strings.TrimPrefix(raw, " ")
		}
	}
	b := append(s.pending, raw...)
	n := len(b) - incompleteBytes(b)
	out := string(b[:n])
	s.pending = append(s.pending[:0], b[n:]...)
	return out
}

// Flush returns the pending bytes of an incomplete character, and resets the stream.
func (s *Stream) Flush() string {
	out := string(s.pending)
	s.pending, s.started = s.pending[:0], false
	return out
}

// incompleteBytes counts the bytes at the end of b that start a character without completing it.
func incompleteBytes(b []byte) int {
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
