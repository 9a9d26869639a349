package jinja

import (
	"slices"
	"strconv"

	"nextquill/core/fault"
)

// tupleRules tell where an expression without brackets ends.
type tupleRules struct {
	noCondition bool   // "x if y" is not part of the expression
	ends        string // a name that ends it
	brackets    bool   // it is in brackets, so it may be empty
}

// tuple reads expressions separated by commas: one expression, or a tuple.
func (p *parser) tuple(r tupleRules) expr {
	at := p.peek()
	var items []expr
	isTuple := false
	for {
		if t := p.peek(); t.kind == tokClose || t.kind == tokTagEnd || p.is(tokOperator, ")") || r.ends != "" &&
			p.is(tokName, r.ends) {
			break
		}
		items = append(items, p.expression(!r.noCondition))
		if !p.skip(tokOperator, ",") {
			break
		}
		isTuple = true
	}
	if !isTuple {
		if len(items) == 1 {
			return items[0]
		}
		if !r.brackets {
			at.syntax("an expression expected, found %s", at)
		}
	}
	return &sequence{pos: at.pos, items: items, tuple: true}
}

func (p *parser) expression(conditions bool) expr {
	p.enterNesting()
	x := p.or()
	for n := 0; conditions && p.is(tokName, "if"); n++ {
		p.checkChain(n)
		c := &conditional{pos: p.next().pos, then: x}
		c.cond = p.or()
		if p.skip(tokName, "else") {
			c.otherwise = p.expression(true)
		}
		x = c
	}
	p.depth--
	return x
}

// checkChain limits the length of chains: a + b + c nests to the left, so evaluation recurses to
// the length of the chain.
func (p *parser) checkChain(n int) {
	if n > maxChain {
		p.peek().exceeded("too many operators in a row", maxChain)
	}
}

func (p *parser) or() expr {
	x := p.and()
	for n := 0; p.is(tokName, "or"); n++ {
		p.checkChain(n)
		at := p.next()
		x = &logic{at.pos, "or", x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for n := 0; p.is(tokName, "and"); n++ {
		p.checkChain(n)
		at := p.next()
		x = &logic{at.pos, "and", x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.is(tokName, "not") {
		p.enterNesting()
		at := p.next()
		x := p.not()
		p.depth--
		return &unary{at.pos, "not", x}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	c := &comparison{pos: p.peek().pos, x: p.sum()}
	for {
		op := p.peek().text
		switch t := p.peek(); {
		case t.kind == tokOperator && (op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">="):
			p.next()
		case p.is(tokName, "in"):
			p.next()
		case p.is(tokName, "not") && p.look().kind == tokName && p.look().text == "in":
			op = "not in"
			p.next()
			p.next()
		default:
			if len(c.ops) == 0 {
				return c.x
			}
			return c
		}
		c.ops = append(c.ops, op)
		c.ys = append(c.ys, p.sum())
	}
}

// chain reads operands joined by operators of one precedence, from the left.
func (p *parser) chain(operand func() expr, ops ...string) expr {
	x := operand()
	for n := 0; ; n++ {
		p.checkChain(n)
		at, found := p.peek(), false
		for _, op := range ops {
			found = found || p.is(tokOperator, op)
		}
		if !found {
			return x
		}
		p.next()
		x = &binary{at.pos, at.text, x, operand()}
	}
}

func (p *parser) sum() expr     { return p.chain(p.concat, "+", "-") }
func (p *parser) concat() expr  { return p.chain(p.product, "~") }
func (p *parser) product() expr { return p.chain(p.power, "*", "/", "//", "%") }
func (p *parser) power() expr   { return p.chain(func() expr { return p.unary(true) }, "**") }

// unary binds a sign more tightly than attributes: -x.y is (-x).y in Jinja.
func (p *parser) unary(filters bool) expr {
	var x expr
	if t := p.peek(); p.is(tokOperator, "-") || p.is(tokOperator, "+") {
		p.enterNesting()
		p.next()
		x = &unary{t.pos, t.text, p.unary(false)}
		p.depth--
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	for n := 0; filters; n++ {
		p.checkChain(n)
		switch {
		case p.is(tokOperator, "|"):
			x = p.filter(x)
		case p.is(tokName, "is"):
			x = p.test(x)
		case p.is(tokOperator, "("):
			x = p.call(x)
		default:
			return x
		}
	}
	return x
}

func (p *parser) primary() expr {
	t := p.next()
	switch t.kind {
	case tokName:
		switch t.text {
		case "true", "True":
			return &literal{true}
		case "false", "False":
			return &literal{false}
		case "none", "None":
			return &literal{nil}
		}
		p.use(t.text)
		return &name{t.pos, t.text}
	case tokString:
		s := t.text
		for p.peek().kind == tokString { // adjacent strings are concatenated
			s += p.next().text
		}
		return &literal{s}
	case tokInt:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			t.unsupported("an integer of more than 64 bits")
		}
		return &literal{n}
	case tokFloat:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			t.unsupported("the number %s", fault.Quote(t.text))
		}
		return &literal{f}
	case tokOperator:
		switch t.text {
		case "(":
			x := p.tuple(tupleRules{brackets: true})
			p.op(")")
			return x
		case "[":
			return p.list(t)
		case "{":
			return p.dict(t)
		}
	}
	t.syntax("an expression expected, found %s", t)
	return nil
}

func (p *parser) list(at token) expr {
	s := &sequence{pos: at.pos}
	p.separated("]", func() { s.items = append(s.items, p.expression(true)) })
	return s
}

func (p *parser) dict(at token) expr {
	d := &mapping{pos: at.pos}
	p.separated("}", func() {
		d.keys = append(d.keys, p.expression(true))
		p.op(":")
		d.values = append(d.values, p.expression(true))
	})
	return d
}

// separated reads items between commas up to the closing bracket. A trailing comma is allowed.
func (p *parser) separated(closing string, item func()) {
	for first := true; !p.skip(tokOperator, closing); first = false {
		if !first {
			p.op(",")
			if p.skip(tokOperator, closing) {
				return
			}
		}
		item()
	}
}

// postfix reads attributes, subscripts and calls.
func (p *parser) postfix(x expr) expr {
	for n := 0; ; n++ {
		p.checkChain(n)
		switch {
		case p.is(tokOperator, "."):
			at := p.next()
			t := p.next()
			switch t.kind {
			case tokName:
				x = &attribute{at.pos, x, t.text}
			case tokInt:
				n, _ := strconv.ParseInt(t.text, 10, 64)
				x = &subscript{at.pos, x, &literal{n}}
			default:
				t.syntax("an attribute expected, found %s", t)
			}
		case p.is(tokOperator, "["):
			x = p.subscript(x)
		case p.is(tokOperator, "("):
			x = p.call(x)
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expr) expr {
	at := p.next()
	var parts [3]expr
	n := 0
	for !p.is(tokOperator, "]") && n < 3 {
		if !p.is(tokOperator, ":") {
			parts[n] = p.expression(true)
		}
		if !p.skip(tokOperator, ":") {
			break
		}
		n++
	}
	if p.is(tokOperator, ",") {
		p.peek().unsupported("a tuple as a subscript")
	}
	p.op("]")
	if n == 0 {
		if parts[0] == nil {
			at.unsupported("an empty subscript")
		}
		return &subscript{at.pos, x, parts[0]}
	}
	return &slice{at.pos, x, parts[0], parts[1], parts[2]}
}

func (p *parser) call(x expr) expr {
	at := p.peek()
	return &call{at.pos, x, p.arguments()}
}

func (p *parser) arguments() (a arguments) {
	p.op("(")
	for first := true; !p.skip(tokOperator, ")"); first = false {
		if !first {
			p.op(",")
			if p.skip(tokOperator, ")") {
				break
			}
		}
		if p.is(tokOperator, "*") || p.is(tokOperator, "**") {
			p.peek().unsupported("arguments from a list (*)")
		}
		if t := p.peek(); t.kind == tokName && p.look().kind == tokOperator && p.look().text == "=" {
			if slices.Contains(a.names, t.text) {
				t.syntax("the argument %s appears twice", t.text)
			}
			p.next()
			p.next()
			a.names = append(a.names, t.text)
		} else if len(a.names) > 0 {
			t.syntax("a positional argument follows a keyword argument")
		}
		a.list = append(a.list, p.expression(true))
	}
	return a
}

func (p *parser) filter(x expr) *filtered {
	p.next()
	t := p.expect(tokName, "", "the name of a filter")
	out := &filtered{pos: t.pos, of: x, name: t.text}
	if p.is(tokOperator, "(") {
		out.args = p.arguments()
	}
	return out
}

func (p *parser) test(x expr) expr {
	p.next()
	negated := p.skip(tokName, "not")
	t := p.expect(tokName, "", "the name of a test")
	out := &tested{pos: t.pos, of: x, name: t.text}
	switch next := p.peek(); {
	case p.is(tokOperator, "("):
		out.args = p.arguments()
	case next.kind == tokName && (next.text == "else" || next.text == "or" || next.text == "and"):
	case next.kind == tokName && next.text == "is":
		next.syntax("tests cannot be chained")
	case next.kind == tokName, next.kind == tokString, next.kind == tokInt, next.kind == tokFloat,
		p.is(tokOperator, "["), p.is(tokOperator, "{"):
		out.args.list = []expr{p.postfix(p.primary())}
	}
	if negated {
		return &unary{t.pos, "not", out}
	}
	return out
}
