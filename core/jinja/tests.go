package jinja

import (
	"unicode"

	"nextquill/core/fault"
)

// tests are the supported tests (x is test).
const tests = " defined undefined none string number integer float boolean true false mapping " +
	"sequence iterable callable odd even " +
	"divisibleby lower upper in eq equalto ne lt lessthan le gt greaterthan ge "

// comparisonOp returns the operator of a comparison test, or "".
func comparisonOp(test string) string {
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

// test is v is name(a). A test that is not supported is rejected here, as filters are.
func (m *machine) test(v value, a *args) bool {
	if !inList(tests, a.name) {
		m.at.unsupported("the test %s", fault.Quote(a.name))
	}
	if op := comparisonOp(a.name); op != "" {
		p := a.bind(m, "other")
		if p[0] == nil {
			m.fail("%s needs a value to compare with", a.name)
		}
		return m.compare(op, v, *p[0])
	}
	if a.name == "divisibleby" {
		return m.remainder(a.intArg(m, &v, 0), a.intArg(m, a.bind(m, "num")[0], 0)) == 0
	}
	a.bind(m)
	is := kindOf(v)
	switch a.name {
	case "defined":
		return is != "undefined"
	case "undefined", "float":
		return is == a.name
	case "none", "string", "integer", "boolean", "mapping", "callable":
		return is == pythonType(a.name)
	case "number":
		return inList(" int float bool ", is)
	case "true":
		return is == "bool" && truth(v)
	case "false":
		return is == "bool" && !truth(v)
	case "odd":
		return m.remainder(a.intArg(m, &v, 0), 2) == 1
	case "even":
		return m.remainder(a.intArg(m, &v, 0), 2) == 0
	case "lower":
		return hasCase(m.scannedString(v), unicode.IsLower, unicode.IsUpper)
	case "upper":
		return hasCase(m.scannedString(v), unicode.IsUpper, unicode.IsLower)
	}
	return !inList(" NoneType bool int float namespace function loop ", is) // sequence, iterable
}

// pythonType is the result of kindOf for the values that pass a type test.
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

// hasCase reports whether s has letters of one case and none of the other.
func hasCase(s string, is, not func(rune) bool) bool {
	found := false
	for _, c := range s {
		if not(c) {
			return false
		}
		found = found || is(c)
	}
	return found
}
