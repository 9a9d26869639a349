package tokenizer

import (
	"strconv"
	"strings"
)

// SentencePiece spells a space as ▁ (U+2581), so that it can be part of a token. It also puts one
// before a text, so that a word is spelled alike at the start of a text and inside it.
// tokenizer.json describes this with the normalizers Prepend and Replace (old files), or with the
// pre-tokenizer Metaspace.
const spaceMark = "▁"

// prepend is the normalizer that puts the mark before every text.
type prepend struct{}

func (prepend) apply(s string) string {
	if s == "" {
		return s
	}
	return spaceMark + s
}

// markSpaces is the normalizer that replaces spaces by marks.
type markSpaces struct{}

func (markSpaces) apply(s string) string { return strings.ReplaceAll(s, " ", spaceMark) }

// prepend_scheme of Metaspace: when the mark is put before a text.
const (
	prependAlways = "always" // before each part between added tokens
	prependFirst  = "first"  // before the first part, if no added token precedes it
	prependNever  = "never"
)

// metaspace is the Metaspace pre-tokenizer.
type metaspace struct {
	scheme string
	split  bool // before each mark
}

// mark does everything except the split.
func (m metaspace) mark(s string, at place) string {
	s = markSpaces{}.apply(s)
	if (m.scheme == prependAlways && at != continued || m.scheme == prependFirst && at == atStart) &&
		!strings.HasPrefix(s, spaceMark) {
		return spaceMark + s
	}
	return s
}

// beforeMarks splits a text before each mark, or before each run of marks if runs is set.
type beforeMarks struct{ runs bool }

func (b beforeMarks) split(s string, emit func(string)) {
	begin := 0
	for at := 0; ; at += len(spaceMark) {
		i := strings.Index(s[at:], spaceMark)
		if i < 0 {
			break
		}
		at += i
		if at > begin && !(b.runs && strings.HasSuffix(s[:at], spaceMark)) {
			emit(s[begin:at])
			begin = at
		}
	}
	emit(s[begin:])
}

// wordwise reports whether no token has a mark after another character. Then no merge crosses the
// start of a word. A text can be encoded word by word with the same result, which is many times
// faster.
func (t *Tokenizer) wordwise() bool {
	for _, to := range t.bpe.merges {
		if strings.Contains(strings.TrimLeft(t.tokens[to.id].spelling, spaceMark), spaceMark) {
			return false
		}
	}
	return true
}

// byteToken parses a token that stands for one byte, such as "<0x0A>".
func byteToken(spelled string) (b byte, ok bool) {
	if len(spelled) != 6 || !strings.HasPrefix(spelled, "<0x") || spelled[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(spelled[3:5], 16, 8)
	return byte(n), err == nil
}

// sentencePieceBytes returns the bytes of a SentencePiece token.
func sentencePieceBytes(spelled string) string {
	if b, ok := byteToken(spelled); ok {
		return string([]byte{b})
	}
	return strings.ReplaceAll(spelled, spaceMark, " ")
}
