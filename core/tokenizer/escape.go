package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// escape marks positions in user text where an added token would match but must not. A user who
// writes "<|im_end|>" must not end the turn in a chat template. The mark follows the first
// character of such a match, or precedes its only character. UTF-8 text never contains this byte,
// and templates copy it like any other character.
const escape = "\xff"

// Escape marks user text for EncodeEscaped. It replaces invalid UTF-8 by U+FFFD. Added tokens that
// are matched in normalized text are recognized only in their original and normalized spellings;
// control tokens are not of this kind.
func (t *Tokenizer) Escape(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	var b strings.Builder
	done := 0
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		if at, found := i, t.startsAdded(text[i:]); found > 0 {
			if found > n {
				at += n
			}
			b.WriteString(text[done:at])
			b.WriteString(escape)
			done = at
		}
		i += n
	}
	return b.String() + text[done:]
}

// startsAdded returns the length of an added token at the start of s, or 0.
func (t *Tokenizer) startsAdded(s string) int {
	_, n := t.rawAdded.longest(s)
	_, m := t.normAdded.longest(s)
	return max(n, m)
}

// EncodeEscaped is EncodeWithSpecials for a text with parts from Escape: added tokens in those
// parts are ordinary text. begins tells whether the text starts a sequence or continues one, as in
// EncodeNext.
func (t *Tokenizer) EncodeEscaped(text string, begins bool) []int32 {
	if begins {
		return t.encodeParts(text, atStart, true)
	}
	return t.encodeParts(text, continued, true)
}

// Unescape removes the marks.
func Unescape(text string) string { return strings.ReplaceAll(text, escape, "") }
