package wgsl

import (
	"fmt"
	"strconv"
)

// operators are the binary operators by precedence, the weakest first.
var operators = [...][]string{{"||"}, {"&&"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}}

// maxDepth bounds the nesting of parentheses and unary operators.
const maxDepth = 64

// parser evaluates one expression while it reads it.
type parser struct {
	text  string
	at    int
	depth int
	// unused is above 0 where && or || have decided without this operand: there, a division by 0 is
	// no error.
	unused int
	lookup func(name string) (int, bool)
}

// evaluate returns the value of an expression whose names lookup knows.
func evaluate(text string, lookup func(name string) (int, bool)) (int, error) {
	p := &parser{text: text, lookup: lookup}
	v, err := p.binary(0)
	if err != nil {
		return 0, err
	}
	if p.space(); p.at < len(p.text) {
		return 0, fmt.Errorf("unexpected %q in expression %q", p.text[p.at:], text)
	}
	return v, nil
}

func (p *parser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// operator consumes an operator of a level, if one is next.
func (p *parser) operator(level int) string {
	p.space()
	for _, op := range operators[level] {
		if len(p.text)-p.at >= len(op) && p.text[p.at:p.at+len(op)] == op {
			p.at += len(op)
			return op
		}
	}
	return ""
}

// binary evaluates operators of a level and of those that bind more strongly.
func (p *parser) binary(level int) (int, error) {
	if level == len(operators) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op := p.operator(level)
		if op == "" {
			return left, nil
		}
		decided := op == "&&" && left == 0 || op == "||" && left != 0
		if decided {
			p.unused++
		}
		var right int
		right, err = p.binary(level + 1)
		if decided {
			p.unused--
		}
		if err == nil {
			left, err = p.apply(op, left, right)
		}
	}
	return 0, err
}

func (p *parser) apply(op string, a, b int) (int, error) {
	switch op {
	case "||":
		return Bool(a != 0 || b != 0), nil
	case "&&":
		return Bool(a != 0 && b != 0), nil
	case "==":
		return Bool(a == b), nil
	case "!=":
		return Bool(a != b), nil
	case "<=":
		return Bool(a <= b), nil
	case ">=":
		return Bool(a >= b), nil
	case "<":
		return Bool(a < b), nil
	case ">":
		return Bool(a > b), nil
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	switch {
	case b == 0 && p.unused > 0:
		return 0, nil
	case b == 0:
		return 0, fmt.Errorf("division by zero in expression %q", p.text)
	case op == "/":
		return a / b, nil
	}
	return a % b, nil
}

// unary evaluates -x, !x, (x), a name or a number.
func (p *parser) unary() (int, error) {
	if p.depth++; p.depth > maxDepth {
		return 0, fmt.Errorf("expression %q is nested too deeply", p.text)
	}
	defer func() { p.depth-- }()
	p.space()
	if p.at == len(p.text) {
		return 0, fmt.Errorf("expression %q ends where a value is expected", p.text)
	}
	switch c := p.text[p.at]; {
	case c == '-':
		p.at++
		v, err := p.unary()
		return -v, err
	case c == '!':
		p.at++
		v, err := p.unary()
		return Bool(v == 0), err
	case c == '(':
		p.at++
		v, err := p.binary(0)
		if err != nil {
			return 0, err
		}
		if p.space(); p.at == len(p.text) || p.text[p.at] != ')' {
			return 0, fmt.Errorf("missing ) in expression %q", p.text)
		}
		p.at++
		return v, nil
	case !isNameByte(c):
		return 0, fmt.Errorf("unexpected %q in expression %q", p.text[p.at:], p.text)
	}
	start := p.at
	for p.at < len(p.text) && isNameByte(p.text[p.at]) {
		p.at++
	}
	word := p.text[start:p.at]
	if isDigit(word[0]) {
		v, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q in expression %q is no 32-bit decimal number", word, p.text)
		}
		return int(v), nil
	}
	v, ok := p.lookup(word)
	if !ok {
		return 0, fmt.Errorf("unknown name %q in expression %q", word, p.text)
	}
	return v, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}

// isName tells whether s can name a value.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != "" && !isDigit(s[0])
}
