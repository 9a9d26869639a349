package jinja

import (
	"strings"
	"unicode/utf8"
)

// string reads a quoted string and resolves its escapes as Python's unicode-escape does.
func (l *lexer) string(p pos, quote byte) {
	i := l.at + 1
	for ; i < len(l.src) && l.src[i] != quote; i++ {
		if l.src[i] == '\\' {
			i++
		}
	}
	if i >= len(l.src) {
		p.syntax("the string is not closed")
	}
	l.emit(tokString, unescape(p, l.src[l.at+1:i]), p)
	l.advance(i + 1)
}

// The one-letter escapes and their characters.
const (
	escapes   = "ntr\\'\"abfv"
	unescaped = "\n\t\r\\'\"\a\b\f\v"
)

func unescape(p pos, s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if at := strings.IndexByte(escapes, c); at >= 0 {
			b.WriteByte(unescaped[at])
			continue
		}
		if c == '\n' {
			continue
		}
		if at := strings.IndexByte("xuU", c); at >= 0 {
			n := 2 << at
			v, used := digits(s[i+1:], 16, n)
			if used < n {
				p.syntax(`\%c needs %d hexadecimal digits`, c, n)
			}
			appendRune(p, &b, v)
			i += n
			continue
		}
		if v, n := digits(s[i:], 8, 3); n > 0 {
			appendRune(p, &b, v)
			i += n - 1
			continue
		}
		if c == 'N' {
			p.unsupported(`a character by name (\N)`)
		}
		b.WriteByte('\\') // an unknown escape is kept
		b.WriteByte(c)
	}
	return b.String()
}

// digits reads at most limit digits and returns their number.
func digits(s string, base uint64, limit int) (v uint64, n int) {
	for ; n < limit && n < len(s); n++ {
		d := uint64(strings.IndexByte("0123456789abcdef", s[n]|0x20))
		if s[n] < '0' || d >= base {
			break
		}
		v = v*base + d
	}
	return v, n
}

func appendRune(p pos, b *strings.Builder, v uint64) {
	if v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		p.syntax("the escape is not a valid character")
	}
	b.WriteRune(rune(v))
}

// number reads an integer or a float and keeps its text, without underscores.
func (l *lexer) number(p pos) {
	s := l.src[l.at:]
	if len(s) > 1 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		p.unsupported("a number that is not decimal")
	}
	n := digitRun(s)
	k := tokInt
	// "1.foo" is an attribute; "1.5" and "1e3" are floats.
	if f := n; l.src[l.at-1] != '.' && f < len(s) && s[f] == '.' && digitRun(s[f+1:]) > 0 {
		n, k = f+1+digitRun(s[f+1:]), tokFloat
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := digitRun(s[e:]); d > 0 {
			n, k = e+d, tokFloat
		}
	}
	l.emit(k, strings.ReplaceAll(s[:n], "_", ""), p)
	l.advance(l.at + n)
}

// digitRun returns the length of a run of digits with single underscores between them.
func digitRun(s string) (n int) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] >= '0' && s[i] <= '9':
			n = i + 1
		case s[i] == '_' && i > 0 && n == i:
		default:
			return n
		}
	}
	return n
}
