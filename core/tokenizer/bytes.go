package tokenizer

// A byte-level vocabulary maps every byte to one printable character (GPT-2's bytes_to_unicode).
// Printable Latin-1 characters map to themselves; the other 68 bytes map to U+0100 and up, in
// order. A space is "Ġ".
var (
	byteToRune [256]rune
	// runeToByte is -1 for characters that are not in the alphabet.
	runeToByte [0x100 + 68]int16
)

func init() {
	for c := range runeToByte {
		runeToByte[c] = -1
	}
	next := rune(0x100)
	for b := range 256 {
		c := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			c = next
			next++
		}
		byteToRune[b] = c
		runeToByte[c] = int16(b)
	}
}

// spelledBytes returns the bytes of a vocabulary entry; ok is false if it is not in the byte-level
// alphabet.
func spelledBytes(token string) (raw string, ok bool) {
	out := make([]byte, 0, len(token))
	for _, c := range token {
		if int(c) >= len(runeToByte) || runeToByte[c] < 0 {
			return "", false
		}
		out = append(out, byte(runeToByte[c]))
	}
	return string(out), true
}
