package tokenizer

// A byte-level vocabulary spells every byte as one printable character, so that a token is ordinary text (GPT-2's
// bytes_to_unicode): printable Latin-1 stands for itself, the other 68 bytes are U+0100 and up, in order. A space is "Ġ".
var (
	byteToRune [256]rune
	runeToByte = map[rune]byte{}
)

func init() {
	next := rune(0x100)
	for b := range 256 {
		c := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			c = next
			next++
		}
		byteToRune[b] = c
		runeToByte[c] = byte(b)
	}
}

// spelledBytes gives the bytes a token of the vocabulary stands for; ok is false when it is not spelled byte by byte.
func spelledBytes(token string) (raw string, ok bool) {
	out := make([]byte, 0, len(token))
	for _, c := range token {
		b, ok := runeToByte[c]
		if !ok {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}
