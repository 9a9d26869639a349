package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// escape marks, in a text that is going to be laid out by a chat template, the places where an added token would be found but must
// not be: a person who writes "<|im_end|>" does not end their turn. It stands behind the first character of such a place, or before
// the only one. No text in UTF-8 has this byte, and templates carry it through like any other character.
const escape = "\xff"

// Escape marks a text from outside for EncodeEscaped. Bytes of it that are not UTF-8 become U+FFFD. An added token that is looked for
// in the normalised text is found in its two spellings only; control tokens are not of that sort.
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

// startsAdded gives the length of an added token at the start of s, or 0.
func (t *Tokenizer) startsAdded(s string) int {
	_, n := t.rawAdded.longest(s)
	_, m := t.normAdded.longest(s)
	return max(n, m)
}

// EncodeEscaped is EncodeWithSpecials for a text whose parts from outside went through Escape: added tokens in those are ordinary
// text. begins tells whether it starts a sequence, or goes on from others as in EncodeNext.
func (t *Tokenizer) EncodeEscaped(text string, begins bool) []int32 {
	if begins {
		return t.encodeParts(text, atStart, true)
	}
	return t.encodeParts(text, goesOn, true)
}

// Unescape takes the marks away.
func Unescape(text string) string { return strings.ReplaceAll(text, escape, "") }
