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
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(float(v))
	case string:
		m.alloc(4 * len(v))
		m.scan(v)
		quote(b, v)
	case *undefined:
		b.WriteString("Undefined")
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
		b.WriteString(open)
		for i, item := range v.items {
			if i > 0 {
				b.WriteString(", ")
			}
			m.repr(b, item, depth-1)
		}
		b.WriteString(end)
	case *Dict:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			m.repr(b, key, depth-1)
			b.WriteString(": ")
			m.repr(b, v.values[key], depth-1)
		}
		b.WriteByte('}')
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
	b.WriteByte(q)
	for i, c := range s {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\\' || c == rune(q):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == utf8.RuneError && s[i] != "\uFFFD"[0]:
			b.WriteByte(s[i])
		case c == ' ' || unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			putHex(b, `\x`, c, 2)
		case c < 0x10000:
			putHex(b, `\u`, c, 4)
		default:
			putHex(b, `\U`, c, 8)
		}
	}
	b.WriteByte(q)
}

func putHex(b *strings.Builder, escape string, c rune, digits int) {
	b.WriteString(escape)
	for digits--; digits >= 0; digits-- {
		b.WriteByte("0123456789abcdef"[c>>(4*digits)&15])
	}
}
