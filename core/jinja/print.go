package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str(), which also formats printed expressions.
func (m *machine) str(v value) string {
	switch v := v.(type) {
	case string:
		return v
	case *undefined:
		return ""
	}
	var b strings.Builder
	m.repr(&b, v, maxNesting)
	return b.String()
}

// repr writes a value as Python's repr() does.
func (m *machine) repr(b *strings.Builder, v value, depth int) {
	m.step(1)
	m.alloc(16)
	if depth == 0 {
		m.at.exceeded("a value is nested too deeply", maxNesting)
	}
	switch v := v.(type) {
	case nil:
		put(b, "None")
	case bool:
		if v {
			put(b, "True")
		} else {
			put(b, "False")
		}
	case int64:
		put(b, strconv.FormatInt(v, 10))
	case float64:
		put(b, float(v))
	case string:
		m.alloc(4 * len(v))
		m.scan(v)
		quote(b, v)
	case *undefined:
		put(b, "Undefined")
	case *List:
		open, end := "[", "]"
		switch {
		case v.view():
			open, end = v.kind+"([", "])"
		case v.kind == tuple && len(v.items) == 1:
			open, end = "(", ",)"
		case v.kind == tuple:
			open, end = "(", ")"
		}
		put(b, open)
		for i, item := range v.items {
			if i > 0 {
				put(b, ", ")
			}
			m.repr(b, item, depth-1)
		}
		put(b, end)
	case *Dict:
		putByte(b, '{')
		for i, key := range v.keys {
			if i > 0 {
				put(b, ", ")
			}
			m.repr(b, key, depth-1)
			put(b, ": ")
			m.repr(b, v.values[key], depth-1)
		}
		putByte(b, '}')
	default:
		m.at.unsupported("printing a %s", kindOf(v))
	}
}

// float formats a number as Python does: the shortest digits that round-trip, with an exponent from
// 1e16 on and below 1e-4.
func float(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote writes a string literal. It uses double quotes only if that saves escapes.
func quote(b *strings.Builder, s string) {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		q = '"'
	}
	putByte(b, q)
	for i, c := range s {
		switch {
		case c == '\n':
			put(b, `\n`)
		case c == '\r':
			put(b, `\r`)
		case c == '\t':
			put(b, `\t`)
		case c == '\\' || c == rune(q):
			putByte(b, '\\')
			putRune(b, c)
		case c == utf8.RuneError && s[i] != "\uFFFD"[0]:
			putByte(b, s[i])
		case c == ' ' || unicode.IsPrint(c):
			putRune(b, c)
		case c < 0x100:
			putHex(b, `\x`, c, 2)
		case c < 0x10000:
			putHex(b, `\u`, c, 4)
		default:
			putHex(b, `\U`, c, 8)
		}
	}
	putByte(b, q)
}

// The writes of many small pieces, kept out of line: inlined, each takes hundreds of bytes of the
// guest.
//
//go:noinline
func put(b *strings.Builder, s string) { b.WriteString(s) }

//go:noinline
func putByte(b *strings.Builder, c byte) { b.WriteByte(c) }

//go:noinline
func putRune(b *strings.Builder, c rune) { b.WriteRune(c) }

func putHex(b *strings.Builder, escape string, c rune, digits int) {
	put(b, escape)
	for digits--; digits >= 0; digits-- {
		putByte(b, "0123456789abcdef"[c>>(4*digits)&15])
	}
}
