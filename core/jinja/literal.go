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
		p.syntax("the string has no end")
	}
	l.emit(tokString, unescape(p, l.src[l.at+1:i]), p)
	l.move(i + 1)
}

// The escapes of one letter, and what they stand for.
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
				p.syntax(`\%c wants %d hexadecimal digits`, c, n)
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
		b.WriteByte('\\') // an escape that is none stays as it is
		b.WriteByte(c)
	}
	return b.String()
}

// digits reads at most limit digits and tells how many there were.
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
		p.syntax("the escape stands for no character")
	}
	b.WriteRune(rune(v))
}

// number reads an integer or a float, kept as written without underscores.
func (l *lexer) number(p pos) {
	s := l.src[l.at:]
	if len(s) > 1 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		p.unsupported("a number in another base than ten")
	}
	n := digitRun(s)
	k := tokInt
	// "1.foo" is an attribute, "1.5" and "1e3" are floats.
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
	l.move(l.at + n)
}

// digitRun is the length of digits with single underscores between them.
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
