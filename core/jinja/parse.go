package jinja

import (
	"slices"
	"strings"
)

// parser builds the syntax tree. Its functions follow jinja2's parser one by one, so that
// precedence agrees in all cases.
type parser struct {
	toks   []token
	i      int
	depth  int
	loops  int      // number of enclosing loops, for break and continue
	macros []*macro // enclosing macros
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) look() token { return p.toks[min(p.i+1, len(p.toks)-1)] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) is(k kind, text string) bool { t := p.peek(); return t.kind == k && t.text == text }

func (p *parser) skip(k kind, text string) bool {
	if p.is(k, text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(k kind, text, what string) token {
	t := p.next()
	if t.kind != k || text != "" && t.text != text {
		t.syntax("%s expected, found %s", what, t)
	}
	return t
}

func (p *parser) op(text string) token { return p.expect(tokOperator, text, text) }

func (p *parser) word(text string) token { return p.expect(tokName, text, text) }

// enterNesting limits recursion, because a hostile template could exhaust the stack. The caller
// decrements p.depth again, except after a failure.
func (p *parser) enterNesting() {
	if p.depth++; p.depth > maxNesting {
		p.peek().exceeded("nested too deeply", maxNesting)
	}
}

func (p *parser) template() []stmt {
	body := p.body()
	if t := p.peek(); t.kind != tokEOF {
		p.next()
		t.syntax("%s does not match an open tag", p.peek())
	}
	return body
}

// body reads statements up to the tag of one of ends, and stops at its name. Without ends it reads
// to the end of the template.
func (p *parser) body(ends ...string) []stmt {
	p.enterNesting()
	out := p.statements(ends)
	p.depth--
	return out
}

func (p *parser) statements(ends []string) (out []stmt) {
	for {
		t := p.peek()
		switch t.kind {
		case tokEOF:
			if len(ends) > 0 {
				t.syntax("%s expected, found %s", strings.Join(ends, " or "), t)
			}
			return out
		case tokData:
			p.next()
			out = append(out, &text{t.text})
		case tokOpen:
			p.next()
			out = append(out, &output{t.pos, p.tuple(tupleRules{})})
			p.expect(tokClose, "", "}}")
		case tokTag:
			if name := p.look(); name.kind == tokName && slices.Contains(ends, name.text) {
				p.next()
				return out
			}
			if len(ends) == 0 && p.look().kind == tokName &&
				(strings.HasPrefix(p.look().text, "end") || isClause(p.look().text)) {
				return out // template rejects it
			}
			p.next()
			out = append(out, p.statement())
			p.expect(tokTagEnd, "", "%}")
		default:
			t.syntax("unexpected %s", t)
		}
	}
}

func isClause(s string) bool { return s == "else" || s == "elif" }

// block reads the rest of an opening tag, a body, and the name of its end tag.
func (p *parser) block(ends ...string) ([]stmt, token) {
	p.skip(tokOperator, ":")
	p.expect(tokTagEnd, "", "%}")
	body := p.body(ends...)
	return body, p.next()
}

func (p *parser) statement() stmt {
	t := p.expect(tokName, "", "the name of a tag")
	switch t.text {
	case "if":
		return p.branch()
	case "for":
		return p.loop(t)
	case "set":
		return p.set(t)
	case "with":
		return p.with()
	case "macro":
		return p.macro(t)
	case "generation": // marks the assistant's text for training masks; renders as its body
		body, _ := p.block("endgeneration")
		return &scoped{body: body}
	case "break", "continue":
		if p.loops == 0 {
			t.syntax("%s is outside a loop", t.text)
		}
		if t.text == "break" {
			return &jump{breaks}
		}
		return &jump{continues}
	case "print", "call", "filter", "block", "extends", "include", "import", "from", "autoescape", "do",
		"trans", "debug":
		t.unsupported("the tag %s", t.text)
	}
	t.syntax("%s is not a tag", t)
	return nil
}

func (p *parser) branch() stmt {
	b := &branch{}
	for {
		b.conds = append(b.conds, p.tuple(tupleRules{noCondition: true}))
		body, end := p.block("elif", "else", "endif")
		b.bodies = append(b.bodies, body)
		switch end.text {
		case "else":
			b.otherwise, _ = p.block("endif")
			return b
		case "endif":
			return b
		}
	}
}

func (p *parser) loop(at token) stmt {
	l := &loop{pos: at.pos}
	brackets := p.skip(tokOperator, "(")
	for {
		t := p.expect(tokName, "", "the name of a loop variable")
		if t.text == "loop" {
			t.syntax("loop cannot be a loop variable")
		}
		l.targets = append(l.targets, t.text)
		if !p.skip(tokOperator, ",") {
			break
		}
		l.unpack = true
		if p.is(tokName, "in") || brackets && p.is(tokOperator, ")") {
			break
		}
	}
	p.closeTargets(brackets)
	p.word("in")
	l.in = p.tuple(tupleRules{noCondition: true, ends: "recursive"})
	if p.skip(tokName, "if") {
		l.cond = p.expression(true)
	}
	if p.is(tokName, "recursive") {
		p.peek().unsupported("a recursive loop")
	}
	p.loops++
	body, end := p.block("endfor", "else")
	p.loops--
	l.body = body
	if end.text == "else" {
		l.empty, _ = p.block("endfor")
	}
	return l
}

// closeTargets reads the bracket after targets that began with one. Nested targets are not
// supported.
func (p *parser) closeTargets(brackets bool) {
	if !brackets {
		return
	}
	p.op(")")
	if t := p.peek(); p.is(tokOperator, ",") {
		t.unsupported("nested targets")
	}
}

func (p *parser) set(at token) stmt {
	a := &assign{pos: at.pos}
	brackets := p.skip(tokOperator, "(")
	for {
		if p.is(tokOperator, "(") || brackets && len(a.targets) == 0 && p.is(tokOperator, ")") {
			p.peek().unsupported("empty or nested targets")
		}
		t := p.expect(tokName, "", "a name")
		to := target{pos: t.pos, name: t.text}
		if !brackets && p.skip(tokOperator, ".") {
			to.attr = p.expect(tokName, "", "an attribute").text
		}
		a.targets = append(a.targets, to)
		if !p.skip(tokOperator, ",") {
			break
		}
		a.unpack = true
		if p.is(tokOperator, "=") || brackets && p.is(tokOperator, ")") {
			break
		}
	}
	p.closeTargets(brackets)
	if p.skip(tokOperator, "=") {
		a.x = p.tuple(tupleRules{})
		return a
	}
	for p.is(tokOperator, "|") {
		a.filters = append(a.filters, p.filter(nil))
	}
	a.body, _ = p.block("endset")
	return a
}

func (p *parser) with() stmt {
	s := &scoped{}
	for p.peek().kind != tokTagEnd {
		if len(s.targets) > 0 {
			p.op(",")
		}
		s.targets = append(s.targets, p.expect(tokName, "", "a name").text)
		p.op("=")
		s.values = append(s.values, p.expression(true))
	}
	s.body, _ = p.block("endwith")
	return s
}
