package regex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// class reads the rest of [a-z\s] or [^…].
func (p *parser) class() (*set, error) {
	s := &set{fold: p.fold, negate: p.accept("^")}
	for {
		switch {
		case p.rest == "":
			return s, errors.New(`a "]" is missing`)
		case p.accept("]"):
			if len(s.parts) == 0 {
				return s, errors.New("an empty character class")
			}
			return s.precompute(), nil
		case p.rest[0] == '[', strings.HasPrefix(p.rest, "&&"):
			return s, errors.New("nested character classes are not supported")
		}
		from, isChar, err := p.member()
		if err == nil && isChar && strings.HasPrefix(p.rest, "-") && !strings.HasPrefix(p.rest, "-]") {
			p.accept("-")
			from, err = p.rangeFrom(from)
		}
		if err != nil {
			return s, err
		}
		s.parts = append(s.parts, from)
	}
}

// rangeFrom reads the end of a range.
func (p *parser) rangeFrom(from part) (part, error) {
	to, isChar, err := p.member()
	if err != nil {
		return from, err
	}
	if !isChar || to.first() < from.first() {
		return from, fmt.Errorf("a range that starts at %q and ends before it", from.first())
	}
	return between(from.first(), to.first()), nil
}

// member reads a character of a class, or an escape that stands for several.
func (p *parser) member() (m part, isChar bool, err error) {
	if p.accept(`\`) {
		return p.escape()
	}
	c, ok := p.next()
	if !ok {
		return m, false, errors.New(`a "]" is missing`)
	}
	return between(c, c), true, nil
}

var controls = map[rune]rune{'n': '\n', 'r': '\r', 't': '\t', 'f': '\f', 'v': '\v'}

// escape reads what follows a backslash.
func (p *parser) escape() (e part, isChar bool, err error) {
	c, ok := p.next()
	if !ok {
		return e, false, errors.New("a backslash at the end")
	}
	if control, ok := controls[c]; ok {
		return between(control, control), true, nil
	}
	name, digits := "", ""
	switch {
	case strings.ContainsRune("sdwSDW", c):
		name = string(unicode.ToLower(c))
	case c == 'p', c == 'P':
		name, err = p.braced()
	case c == 'u' && len(p.rest) >= 4:
		digits, p.rest = p.rest[:4], p.rest[4:]
	case c == 'x' && strings.HasPrefix(p.rest, "{"):
		digits, err = p.braced()
	case c < utf8.RuneSelf && !unicode.IsLetter(c) && !unicode.IsDigit(c):
		return between(c, c), true, nil
	default:
		err = fmt.Errorf(`\%c is not supported`, c)
	}
	switch {
	case err != nil:
		return e, false, err
	case digits != "":
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil || n > unicode.MaxRune {
			return e, false, fmt.Errorf("%q is not a character", digits)
		}
		return between(rune(n), rune(n)), true, nil
	}
	tables, ok := properties[name]
	if !ok {
		return e, false, fmt.Errorf(`\p{%s} is not supported`, name)
	}
	return part{tables: tables, negate: unicode.IsUpper(c)}, false, nil
}

// braced reads {name}.
func (p *parser) braced() (string, error) {
	if !p.accept("{") {
		return "", errors.New(`a "{" is missing`)
	}
	return p.until("}")
}
