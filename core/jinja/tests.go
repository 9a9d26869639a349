package jinja

import "unicode"

// test is what stands behind is.
type test func(m *machine, v value, a *args) bool

var tests map[string]test

// ofType is a test without arguments.
func ofType(is func(v value) bool) test {
	return func(m *machine, v value, a *args) bool {
		a.take(m)
		return is(v)
	}
}

// byOperator is a test that compares with its argument.
func byOperator(op string) test {
	return func(m *machine, v value, a *args) bool {
		p := a.take(m, "other")
		if p[0] == nil {
			m.fail("%s wants what to compare with", a.name)
		}
		return m.compare(op, v, *p[0])
	}
}

func init() {
	defined := func(v value) bool { _, un := v.(*undefined); return !un }
	sized := func(v value) bool {
		switch v.(type) {
		case string, *List, *Dict, *undefined:
			return true
		}
		return false
	}
	tests = map[string]test{
		"defined":   ofType(defined),
		"undefined": ofType(func(v value) bool { return !defined(v) }),
		"none":      ofType(func(v value) bool { return v == nil }),
		"string":    ofType(func(v value) bool { _, ok := v.(string); return ok }),
		"number":    ofType(func(v value) bool { _, ok := number(v); return ok }),
		"integer":   ofType(func(v value) bool { _, ok := v.(int64); return ok }),
		"float":     ofType(func(v value) bool { _, ok := v.(float64); return ok }),
		"boolean":   ofType(func(v value) bool { _, ok := v.(bool); return ok }),
		"true":      ofType(func(v value) bool { return v == true }),
		"false":     ofType(func(v value) bool { return v == false }),
		"mapping":   ofType(func(v value) bool { _, ok := v.(*Dict); return ok }),
		"sequence":  ofType(sized),
		"iterable":  ofType(sized),
		"callable":  ofType(func(v value) bool { _, ok := v.(function); return ok }),
		"odd": func(m *machine, v value, a *args) bool {
			a.take(m)
			return m.integers("%", a.whole(m, &v, 0), 2) == int64(1)
		},
		"even": func(m *machine, v value, a *args) bool {
			a.take(m)
			return m.integers("%", a.whole(m, &v, 0), 2) == int64(0)
		},
		"divisibleby": func(m *machine, v value, a *args) bool {
			p := a.take(m, "num")
			return m.integers("%", a.whole(m, &v, 0), a.whole(m, p[0], 0)) == int64(0)
		},
		"lower": func(m *machine, v value, a *args) bool {
			a.take(m)
			return cased(m.scanned(v), unicode.IsLower, unicode.IsUpper)
		},
		"upper": func(m *machine, v value, a *args) bool {
			a.take(m)
			return cased(m.scanned(v), unicode.IsUpper, unicode.IsLower)
		},
		"in": byOperator("in"),
	}
	for op, names := range map[string][]string{"==": {"eq", "equalto"}, "!=": {"ne"}, "<": {"lt", "lessthan"}, "<=": {"le"},
		">": {"gt", "greaterthan"}, ">=": {"ge"}} {
		for _, name := range names {
			tests[name] = byOperator(op)
		}
	}
}

// cased tells whether s has letters of one case and none of the other.
func cased(s string, is, not func(rune) bool) bool {
	found := false
	for _, c := range s {
		if not(c) {
			return false
		}
		found = found || is(c)
	}
	return found
}
