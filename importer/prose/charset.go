package prose

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// Decode returns the text of a file: UTF-8, UTF-16 with or without a byte order mark, or else
// windows-1252. ok is false for data that is no text.
func Decode(data []byte) (text string, ok bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return with(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), data), true
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return with(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), data), true
	}
	if bytes.IndexByte(data, 0) >= 0 {
		order, wide := wideOrder(data)
		if !wide {
			return "", false
		}
		text = with(unicode.UTF16(order, unicode.IgnoreBOM), data)
		return text, !strings.ContainsFunc(text, func(c rune) bool {
			return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == utf8.RuneError
		})
	}
	return UTF8Or1252(data), true
}

// wideOrder recognizes UTF-16 without a byte order mark: one byte of most pairs is zero.
func wideOrder(data []byte) (unicode.Endianness, bool) {
	n := min(len(data)&^1, 4096)
	var zeros [2]int
	for i := range n {
		if data[i] == 0 {
			zeros[i&1]++
		}
	}
	switch {
	case n == 0:
		return unicode.LittleEndian, false
	case zeros[1] > n/4 && zeros[0] <= n/50:
		return unicode.LittleEndian, true
	case zeros[0] > n/4 && zeros[1] <= n/50:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

func with(e encoding.Encoding, data []byte) string {
	out, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\ufffd")
	}
	return string(out)
}

// UTF8Or1252 reads UTF-8 where it is valid, and else windows-1252.
func UTF8Or1252(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return with(charmap.Windows1252, data)
}

// DecodeCharset reads data in a declared charset. A missing, ASCII or wrong UTF-8 declaration means
// UTF-8 where it is valid, and else windows-1252. known is false for an unknown charset.
func DecodeCharset(data []byte, charset string) (text string, known bool) {
	name := strings.ToLower(strings.Trim(strings.TrimSpace(charset), `"'`))
	switch name {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "8bit", "x-unknown", "default", "ansi_x3.4-1968":
		return UTF8Or1252(data), true
	case "utf-7", "unicode-1-1-utf-7":
		return UTF8Or1252(data), false
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		e, err = ianaindex.IANA.Encoding(name) // such as IBM850
	}
	if err != nil || e == nil {
		return UTF8Or1252(data), false
	}
	return with(e, data), true
}
