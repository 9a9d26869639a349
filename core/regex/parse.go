package regex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type parser struct {
	rest string // what is not read yet
	fold bool   // inside (?i:…)
}

// next takes a character; ok is false at the end.
func (p *parser) next() (c rune, ok bool) {
	c, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return c, n > 0
}

// take takes a prefix if it is there.
func (p *parser) take(prefix string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, prefix)
	return ok
}

// until takes what is before a character, and the character.
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
		n, err := p.repeated(depth)
		if err != nil {
			return node{}, err
		}
		parts = append(parts, n)
	}
	all := sequence(parts)
	if len(parts) == 1 {
		all = parts[0]
	}
	if !p.take("|") {
		return all, nil
	}
	others, err := p.alternatives(depth)
	return either(all, others), err
}

// repeated reads an item and what says how often it comes.
func (p *parser) repeated(depth int) (node, error) {
	n, err := p.item(depth)
	for err == nil && p.rest != "" {
		least, most := 0, -1
		counted := false
		switch {
		case p.take("*"):
		case p.take("+"):
			least = 1
		case p.take("?"):
			most = 1
		case p.take("{"):
			counted = true
			if least, most, err = p.count(); err != nil {
				return n, err
			}
		default:
			return n, nil
		}
		lazy := p.take("?")
		switch {
		case n.empty:
			return n, errors.New("it repeats what may be empty")
		case lazy && counted:
			return n, errors.New(`"?" after "}" is not supported`)
		case !lazy && !counted && p.take("+"):
			if n.set == nil {
				return n, errors.New("possessive repetition of more than one character is not supported")
			}
			n = possessive(n, least, most)
		default:
			n = repeat(n, least, most, lazy)
		}
		if n.size > maxProgram {
			return n, errors.New("it is too large once its repetitions are spelled out")
		}
	}
	return n, err
}

// possessive takes as many as there are and gives none back.
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
			err = fmt.Errorf("{%s} is no repetition of up to %d times", text, maxRepeat)
		}
		return int(n)
	}
	least = number(from, 0)
	most = least
	if isRange {
		most = number(to, -1)
	}
	if err == nil && (text == "," || most >= 0 && most < least) {
		err = fmt.Errorf("{%s} is no repetition", text)
	}
	return least, most, err
}

// item reads a character, a class, an assertion or a group.
func (p *parser) item(depth int) (node, error) {
	switch {
	case p.take("^"):
		return assertion(lineBegin, nil), nil
	case p.take("$"):
		return assertion(lineEnd, nil), nil
	case p.take("."):
		s := &set{negate: true, parts: []part{between('\n', '\n')}}
		return single(s.freeze()), nil
	case p.take("["):
		s, err := p.class()
		return single(s), err
	case p.take(`\`):
		e, _, err := p.escape()
		s := &set{fold: p.fold, parts: []part{e}}
		return single(s.freeze()), err
	case p.take("("):
		return p.group(depth + 1)
	case strings.ContainsAny(p.rest[:1], "*+?{"):
		return node{}, fmt.Errorf("a %q repeats nothing", p.rest[:1])
	}
	c, _ := p.next()
	s := &set{fold: p.fold, parts: []part{between(c, c)}}
	return single(s.freeze()), nil
}

func (p *parser) group(depth int) (node, error) {
	look := op(accept)
	outer := p.fold
	switch {
	case p.take("?:"):
	case p.take("?i:"):
		p.fold = true
	case p.take("?="):
		look = ahead
	case p.take("?!"):
		look = notAhead
	case p.take("?"):
		return node{}, fmt.Errorf("groups that begin with (?%.2s are not supported", p.rest)
	}
	n, err := p.alternatives(depth)
	p.fold = outer
	switch {
	case err != nil:
		return n, err
	case !p.take(")"):
		return n, errors.New(`a ")" is missing`)
	case look == accept:
		return n, nil
	case n.set == nil:
		return n, errors.New("looking ahead by more than one character is not supported")
	}
	return assertion(look, n.set), nil
}
