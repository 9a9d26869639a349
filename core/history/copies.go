package history

import (
	"hash/fnv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Digest is the digest of a text in normal form. Two texts with the same digest are copies.
type Digest [16]byte

// TextDigest is the digest of a text. Texts are copies if they differ in white space, in control
// characters or in the Unicode form (NFC) only. So an import of the same text from two kinds of
// file gives copies.
func TextDigest(text string) (d Digest) {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Map(func(c rune) rune {
		if c == '\ufeff' || unicode.IsControl(c) && !unicode.IsSpace(c) {
			return -1
		}
		return c
	}, text)
	h := fnv.New128a()
	for _, word := range strings.Fields(norm.NFC.String(text)) {
		h.Write([]byte(word))
		h.Write([]byte{' '})
	}
	h.Sum(d[:0])
	return d
}

// Unseen returns the held-out items that are not copies of a training item, and the number of the
// others.
func Unseen(training, heldout []Item) (unseen []Item, copies int) {
	seen := make(map[Digest]bool, len(training))
	for _, it := range training {
		seen[TextDigest(it.Text)] = true
	}
	for _, it := range heldout {
		if !seen[TextDigest(it.Text)] {
			unseen = append(unseen, it)
		}
	}
	return unseen, len(heldout) - len(unseen)
}
