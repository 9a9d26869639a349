package jinja

import "unicode"

// tests are what can stand behind is.
const tests = " defined undefined none string number integer float boolean true false mapping sequence iterable callable odd even " +
	"divisibleby lower upper in eq equalto ne lt lessthan le gt greaterthan ge "

// comparing gives what a test compares by, or "".
func comparing(test string) string {
	switch test {
	case "in":
		return "in"
	case "eq", "equalto":
		return "=="
	case "ne":
		return "!="
	case "lt", "lessthan":
		return "<"
	case "le":
		return "<="
	case "gt", "greaterthan":
		return ">"
	case "ge":
		return ">="
	}
	return ""
}

// test is v is name(a), name being one of tests.
func (m *machine) test(v value, a *args) bool {
	if op := comparing(a.name); op != "" {
		p := a.take(m, "other")
		if p[0] == nil {
			m.fail("%s wants what to compare with", a.name)
		}
		return m.compare(op, v, *p[0])
	}
	if a.name == "divisibleby" {
		return m.remainder(a.whole(m, &v, 0), a.whole(m, a.take(m, "num")[0], 0)) == 0
	}
	a.take(m)
	is := kindOf(v)
	switch a.name {
	case "defined":
		return is != "undefined"
	case "undefined", "float":
		return is == a.name
	case "none", "string", "integer", "boolean", "mapping", "callable":
		return is == pythonType(a.name)
	case "number":
		return among(" int float bool ", is)
	case "true":
		return is == "bool" && truth(v)
	case "false":
		return is == "bool" && !truth(v)
	case "odd":
		return m.remainder(a.whole(m, &v, 0), 2) == 1
	case "even":
		return m.remainder(a.whole(m, &v, 0), 2) == 0
	case "lower":
		return cased(m.scanned(v), unicode.IsLower, unicode.IsUpper)
	case "upper":
		return cased(m.scanned(v), unicode.IsUpper, unicode.IsLower)
	}
	return !among(" NoneType bool int float namespace function loop ", is) // sequence, iterable
}

// pythonType is what kindOf calls the values for which a test holds.
func pythonType(test string) string {
	switch test {
	case "none":
		return "NoneType"
	case "string":
		return "str"
	case "integer":
		return "int"
	case "boolean":
		return "bool"
	case "mapping":
		return "dict"
	}
	return "function"
}

func (m *machine) remainder(i, j int64) int64 { return m.integers("%", i, j).(int64) }

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
