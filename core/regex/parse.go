package regex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type parser struct {
	rest string // the unread part of the pattern
	fold bool   // inside (?i:…)
}

// next reads a character; ok is false at the end.
func (p *parser) next() (c rune, ok bool) {
	c, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return c, n > 0
}

// accept consumes a prefix if it is present.
func (p *parser) accept(prefix string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, prefix)
	return ok
}

// until reads up to and including a character, and returns the part before it.
func (p *parser) until(end string) (string, error) {
	before, after, found := strings.Cut(p.rest, end)
	if !found {
		return "", fmt.Errorf("a %q is missing", end)
	}
	p.rest = after
	return before, nil
}

// alternatives reads to the end of the pattern or group.
func (p *parser) alternatives(depth int) (node, error) {
	if depth > maxNesting {
		return node{}, fmt.Errorf("groups are nested deeper than %d", maxNesting)
	}
	var parts []node
	for p.rest != "" && p.rest[0] != '|' && p.rest[0] != ')' {
		n, err := p.repetition(depth)
		if err != nil {
			return node{}, err
		}
		parts = append(parts, n)
	}
	all := sequence(parts)
	if len(parts) == 1 {
		all = parts[0]
	}
	if !p.accept("|") {
		return all, nil
	}
	others, err := p.alternatives(depth)
	return either(all, others), err
}

// repetition reads an item and its quantifier.
func (p *parser) repetition(depth int) (node, error) {
	n, err := p.item(depth)
	for err == nil && p.rest != "" {
		least, most := 0, -1
		counted := false
		switch {
		case p.accept("*"):
		case p.accept("+"):
			least = 1
		case p.accept("?"):
			most = 1
		case p.accept("{"):
			counted = true
			if least, most, err = p.count(); err != nil {
				return n, err
			}
		default:
			return n, nil
		}
		lazy := p.accept("?")
		switch {
		case n.empty:
			return n, errors.New("a repeated item can match the empty string")
		case lazy && counted:
			return n, errors.New(`"?" after "}" is not supported`)
		case !lazy && !counted && p.accept("+"):
			if n.set == nil {
				return n, errors.New("possessive repetition of more than one character is not supported")
			}
			n = possessive(n, least, most)
		default:
			n = repeat(n, least, most, lazy)
		}
		if n.size > maxProgram {
			return n, errors.New("it is too large after expansion of its repetitions")
		}
	}
	return n, err
}

// possessive matches as many characters as possible, without backtracking.
func possessive(n node, least, most int) node {
	stop := assertion(notAhead, n.set)
	if most == 1 {
		return either(n, stop)
	}
	return sequence([]node{repeat(n, least, most, false), stop})
}

// count reads the rest of {2}, {2,}, {,2} or {1,2}.
func (p *parser) count() (least, most int, err error) {
	text, err := p.until("}")
	if err != nil {
		return 0, 0, err
	}
	from, to, isRange := strings.Cut(text, ",")
	number := func(s string, absent int) int {
		if isRange && s == "" {
			return absent
		}
		n, e := strconv.ParseUint(s, 10, 32)
		if e != nil || n > maxRepeat {
			err = fmt.Errorf("{%s} is not a repetition of at most %d times", text, maxRepeat)
		}
		return int(n)
	}
	least = number(from, 0)
	most = least
	if isRange {
		most = number(to, -1)
	}
	if err == nil && (text == "," || most >= 0 && most < least) {
		err = fmt.Errorf("{%s} is not a repetition", text)
	}
	return least, most, err
}

// item reads a character, a class, an assertion or a group.
func (p *parser) item(depth int) (node, error) {
	switch {
	case p.accept("^"):
		return assertion(lineBegin, nil), nil
	case p.accept("$"):
		return assertion(lineEnd, nil), nil
	case p.accept("."):
		s := &set{negate: true, parts: []part{between('\n', '\n')}}
		return single(s.precompute()), nil
	case p.accept("["):
		s, err := p.class()
		return single(s), err
	case p.accept(`\`):
		e, _, err := p.escape()
		s := &set{fold: p.fold, parts: []part{e}}
		return single(s.precompute()), err
	case p.accept("("):
		return p.group(depth + 1)
	case strings.ContainsAny(p.rest[:1], "*+?{"):
		return node{}, fmt.Errorf("a %q has nothing to repeat", p.rest[:1])
	}
	c, _ := p.next()
	s := &set{fold: p.fold, parts: []part{between(c, c)}}
	return single(s.precompute()), nil
}

func (p *parser) group(depth int) (node, error) {
	look := op(accept)
	outer := p.fold
	switch {
	case p.accept("?:"):
	case p.accept("?i:"):
		p.fold = true
	case p.accept("?="):
		look = ahead
	case p.accept("?!"):
		look = notAhead
	case p.accept("?"):
		return node{}, fmt.Errorf("groups that begin with (?%.2s are not supported", p.rest)
	}
	n, err := p.alternatives(depth)
	p.fold = outer
	switch {
	case err != nil:
		return n, err
	case !p.accept(")"):
		return n, errors.New(`a ")" is missing`)
	case look == accept:
		return n, nil
	case n.set == nil:
		return n, errors.New("lookahead of more than one character is not supported")
	}
	return assertion(look, n.set), nil
}
