package jinja

import (
	"math"
	"strings"

	"nextquill/core/fault"
)

func (e *literal) eval(m *machine) value { return e.v }

func (e *name) eval(m *machine) value {
	m.step(1)
	m.at = e.pos
	return m.get(e.id)
}

func (e *sequence) eval(m *machine) value {
	items := make([]value, len(e.items))
	for i, x := range e.items {
		items[i] = x.eval(m)
	}
	m.step(1)
	l := m.listOf(items)
	if e.tuple {
		l.kind = tuple
	}
	return l
}

func (e *mapping) eval(m *machine) value {
	d := NewDict()
	for i, x := range e.keys {
		key, ok := x.eval(m).(string)
		if !ok {
			e.unsupported("a dict with keys that are not strings")
		}
		d.Set(key, e.values[i].eval(m))
	}
	m.step(1)
	m.alloc(64 * len(d.keys))
	return d
}

func (e *attribute) eval(m *machine) value {
	of := e.of.eval(m)
	m.step(1)
	m.at = e.pos
	return m.attribute(of, e.name)
}

func (e *subscript) eval(m *machine) value {
	of, index := e.of.eval(m), e.index.eval(m)
	m.step(1)
	m.at = e.pos
	return m.item(of, index)
}

func (e *slice) eval(m *machine) value {
	of := e.of.eval(m)
	var bounds [3]*int64
	for i, x := range []expr{e.low, e.high, e.step} {
		if x == nil {
			continue
		}
		v := x.eval(m)
		if v == nil {
			continue
		}
		n, ok := integer(v)
		if !ok {
			e.fail(fault.Malformed, "a slice takes integers, but got %s", kindOf(v))
		}
		bounds[i] = &n
	}
	m.step(1)
	m.at = e.pos
	return m.slice(of, bounds[0], bounds[1], bounds[2])
}

func (e *call) eval(m *machine) value {
	of := e.of.eval(m)
	a := e.args.eval(m, "")
	m.step(1)
	m.at = e.pos
	switch f := of.(type) {
	case function:
		a.name = f.name
		return f.f(m, a)
	case *undefined:
		m.fail("%s is undefined", f.what)
	case *iteration:
		m.at.unsupported("a recursive loop")
	}
	m.fail("a %s cannot be called", kindOf(of))
	return nil
}

func (e *filtered) eval(m *machine) value { return e.apply(m, e.of.eval(m)) }

func (e *filtered) apply(m *machine, v value) value {
	a := e.args.eval(m, e.name)
	m.step(1)
	m.at = e.pos
	return m.filter(v, a)
}

func (e *tested) eval(m *machine) value {
	v := e.of.eval(m)
	a := e.args.eval(m, e.name)
	m.step(1)
	m.at = e.pos
	return m.test(v, a)
}

func (e *logic) eval(m *machine) value {
	m.step(1)
	x := e.x.eval(m)
	if truth(x) == (e.op == "or") {
		return x
	}
	return e.y.eval(m)
}

func (e *conditional) eval(m *machine) value {
	m.step(1)
	if truth(e.cond.eval(m)) {
		return e.then.eval(m)
	}
	if e.otherwise == nil {
		return &undefined{"the value of an if without else"}
	}
	return e.otherwise.eval(m)
}

func (e *unary) eval(m *machine) value {
	x := e.x.eval(m)
	m.step(1)
	m.at = e.pos
	if e.op == "not" {
		return !truth(x)
	}
	if n, ok := integer(x); ok {
		if e.op == "-" {
			return m.arithmetic("-", int64(0), n)
		}
		return n
	}
	f, ok := x.(float64)
	if !ok {
		m.fail("%s cannot be applied to a %s", e.op, m.describe(x))
	}
	if e.op == "-" {
		f = -f
	}
	return f
}

// describe returns the name of a value's type. It fails if the value is undefined.
func (m *machine) describe(v value) string {
	if u, ok := v.(*undefined); ok {
		m.fail("%s is undefined", u.what)
	}
	return kindOf(v)
}

func (e *binary) eval(m *machine) value {
	x, y := e.x.eval(m), e.y.eval(m)
	m.step(1)
	m.at = e.pos
	if e.op == "~" {
		return m.join(m.str(x), m.str(y))
	}
	return m.arithmetic(e.op, x, y)
}

// join concatenates, and checks memory before it allocates.
func (m *machine) join(a, b string) string {
	m.alloc(len(a) + len(b))
	m.step(1 + (len(a)+len(b))/64)
	return a + b
}

func (m *machine) arithmetic(op string, x, y value) value {
	if i, ok := integer(x); ok {
		if j, ok := integer(y); ok {
			return m.integers(op, i, j)
		}
	}
	if a, ok := number(x); ok {
		if b, ok := number(y); ok {
			return m.floats(op, a, b)
		}
	}
	switch s := x.(type) {
	case string:
		if t, ok := y.(string); ok && op == "+" {
			return m.join(s, t)
		}
		if op == "%" {
			m.at.unsupported("a format string (%%)")
		}
		if n, ok := integer(y); ok && op == "*" {
			return m.repeat(s, n)
		}
	case *List:
		if l, ok := y.(*List); ok && op == "+" && s.kind == l.kind && !s.view() {
			m.alloc(16 * (len(s.items) + len(l.items)))
			m.step(len(s.items) + len(l.items))
			return &List{items: append(append([]value{}, s.items...), l.items...), kind: s.kind}
		}
		if op == "*" {
			m.at.unsupported("a repeated list (*)")
		}
	}
	if n, ok := integer(x); ok && op == "*" {
		if s, ok := y.(string); ok {
			return m.repeat(s, n)
		}
	}
	m.fail("%s cannot join a %s and a %s", op, m.describe(x), m.describe(y))
	return nil
}

func (m *machine) repeat(s string, n int64) string {
	if n <= 0 || s == "" {
		return ""
	}
	if n > maxMemory {
		m.at.exceeded("the template produces too much text", maxMemory)
	}
	m.alloc(len(s) * int(n))
	return strings.Repeat(s, int(n))
}

func (m *machine) integers(op string, i, j int64) value {
	if j == 0 && (op == "/" || op == "//" || op == "%") {
		m.fail("division by zero")
	}
	var n int64
	ok := true
	switch op {
	case "+":
		n = i + j
		ok = (n > i) == (j > 0)
	case "-":
		n = i - j
		ok = (n < i) == (j > 0)
	case "*":
		n = i * j
		ok = i == 0 || n/i == j && !(i == -1 && j == math.MinInt64)
	case "/":
		return float64(i) / float64(j)
	case "//", "%": // Python rounds toward minus infinity
		if j == -1 {
			if op == "%" {
				return int64(0)
			}
			return m.integers("-", 0, i)
		}
		q, r := i/j, i%j
		if r != 0 && (r < 0) != (j < 0) {
			q, r = q-1, r+j
		}
		if op == "%" {
			return r
		}
		return q
	case "**":
		if j < 0 {
			return m.floats(op, float64(i), float64(j))
		}
		n = 1
		for ; j > 0; j-- {
			m.step(1)
			if n = m.integers("*", n, i).(int64); n == 0 || n == 1 && i == 1 {
				break
			}
		}
	}
	if !ok {
		m.at.unsupported("an integer of more than 64 bits")
	}
	return n
}

func (m *machine) floats(op string, x, y float64) value {
	var f float64
	switch op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/", "//", "%":
		if y == 0 {
			m.fail("division by zero")
		}
		if op == "/" {
			f = x / y
			break
		}
		r := math.Mod(x, y)
		if r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		if f = r; op == "//" {
			f = math.Round((x - r) / y)
		}
	case "**":
		f = math.Pow(x, y)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		m.fail("the result of %s is not a number", op)
	}
	return f
}

func (e *comparison) eval(m *machine) value {
	x := e.x.eval(m)
	for i, op := range e.ops {
		y := e.ys[i].eval(m)
		m.step(1)
		m.at = e.pos
		if !m.compare(op, x, y) {
			return false
		}
		x = y
	}
	return true
}

func (m *machine) compare(op string, x, y value) bool {
	switch op {
	case "==":
		return m.equal(x, y, maxNesting)
	case "!=":
		return !m.equal(x, y, maxNesting)
	case "in":
		return m.contains(y, x)
	case "not in":
		return !m.contains(y, x)
	}
	order := 0
	if a, ok := number(x); ok {
		b, ok := number(y)
		if !ok {
			m.fail("%s cannot compare a %s and a %s", op, kindOf(x), m.describe(y))
		}
		if i, ok := integer(x); ok { // exact: a float64 has only 53 bits
			if j, ok := integer(y); ok {
				a, b = 0, 0
				if i < j {
					b = 1
				} else if i > j {
					a = 1
				}
			}
		}
		if a < b {
			order = -1
		} else if a > b {
			order = 1
		}
	} else {
		s, ok := x.(string)
		t, also := y.(string)
		if !ok || !also {
			m.fail("%s cannot compare a %s and a %s", op, m.describe(x), m.describe(y))
		}
		order = strings.Compare(s, t) // byte order equals code point order in UTF-8
	}
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// contains is Python's in.
func (m *machine) contains(in, v value) bool {
	switch in := in.(type) {
	case string:
		s, ok := v.(string)
		if !ok {
			m.fail("in needs a str to search in a str, but got a %s", m.describe(v))
		}
		m.scan(in)
		return strings.Contains(in, s)
	case *Dict:
		s, ok := v.(string)
		_, has := in.values[s]
		return ok && has
	case *List:
		for _, item := range in.items {
			if m.equal(item, v, maxNesting) {
				return true
			}
		}
		return false
	case *undefined:
		return false
	}
	m.fail("a %s is not a container", kindOf(in))
	return false
}
