package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Added is a token that merges do not produce: <|endoftext|>, <|im_start|>, or extra words of the
// model.
type Added struct {
	ID         int32
	Content    string
	Special    bool // control token
	SingleWord bool // matches only between non-word characters
	LStrip     bool // includes white space before it
	RStrip     bool // includes white space after it
	Normalized bool // matched in normalized text, in normalized form; else in the original text
}

// trie finds the longest added token at a position.
type trie struct {
	next  map[byte]*trie
	token *Added
}

func (t *trie) insert(content string, a *Added) {
	for i := range len(content) {
		if t.next == nil {
			t.next = map[byte]*trie{}
		}
		child := t.next[content[i]]
		if child == nil {
			child = &trie{}
			t.next[content[i]] = child
		}
		t = child
	}
	t.token = a
}

// longest returns the longest token that s starts with, and its length.
func (t *trie) longest(s string) (found *Added, n int) {
	for i := 0; ; i++ {
		if t.token != nil {
			found, n = t.token, i
		}
		if i == len(s) {
			return found, n
		}
		if t = t.next[s[i]]; t == nil {
			return found, n
		}
	}
}

// cut calls text and token for the parts of s, in order. If escaped is set, no token starts at a
// character that is followed by an escape.
func (t *trie) cut(s string, escaped bool, text func(string), token func(*Added)) {
	done := 0
	for i := 0; i < len(s); {
		if escaped && s[i] == escape[0] {
			_, n := utf8.DecodeRuneInString(s[i+1:])
			i += 1 + n
			continue
		}
		a, n := t.longest(s[i:])
		if a == nil {
			i++
			continue
		}
		from, to := i, i+n
		i = to
		if a.SingleWord && (endsWithWord(s[:from]) || startsWithWord(s[to:])) {
			continue
		}
		if a.LStrip {
			from = done + len(strings.TrimRightFunc(s[done:from], isSpace))
		}
		if a.RStrip {
			to = len(s) - len(strings.TrimLeftFunc(s[to:], isSpace))
			i = to
		}
		if done < from {
			text(s[done:from])
		}
		token(a)
		done = to
	}
	if done < len(s) {
		text(s[done:])
	}
}

func isSpace(c rune) bool { return classOf(c) == space }
