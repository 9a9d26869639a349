package jinja

import "cmp"

// value is nil (none), bool, int64, float64, string, *List, *Dict, *undefined, *namespace,
// *iteration or function. All values except the attributes of a namespace are immutable for a
// template.
type value = any

// List is a list, a tuple, or a dict's keys, values or items.
type List struct {
	items []value
	kind  string // "" for a list
}

const tuple = "tuple"

// view reports whether a list is a dict view, which can be iterated but not indexed.
func (l *List) view() bool { return l.kind != "" && l.kind != tuple }

// NewList returns a list of values; the types are those of Vars.
func NewList(items ...any) *List { return &List{items: items} }

// Dict maps strings to values and keeps their order.
type Dict struct {
	keys   []string
	values map[string]value
}

// NewDict returns an empty mapping.
func NewDict() *Dict { return &Dict{values: map[string]value{}} }

// Set adds or replaces an entry, and returns d.
func (d *Dict) Set(key string, v any) *Dict {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
	return d
}

// undefined is a missing name, attribute or item. It prints as nothing and is false and empty. All
// other uses fail.
type undefined struct{ what string }

// namespace is the only object whose attributes set can change.
type namespace struct{ *Dict }

// function is anything that can be called.
type function struct {
	name string
	f    func(m *machine, a *args) value
}

// truth is Python's bool().
func truth(v value) bool {
	switch v := v.(type) {
	case nil, *undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return len(v.items) > 0
	case *Dict:
		return len(v.keys) > 0
	}
	return true
}

// kindOf returns Python's name of a value's type.
func kindOf(v value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *List:
		return cmp.Or(v.kind, "list")
	case *Dict:
		return "dict"
	case *undefined:
		return "undefined"
	case *namespace:
		return "namespace"
	case function:
		return "function"
	}
	return "loop"
}

// integer gives the value of an int, True and False being 1 and 0.
func integer(v value) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	}
	return 0, false
}

// number gives the value of an int or a float.
func number(v value) (float64, bool) {
	if n, ok := integer(v); ok {
		return float64(n), true
	}
	f, ok := v.(float64)
	return f, ok
}

// equal is Python's ==. depth is the remaining nesting depth.
func (m *machine) equal(a, b value, depth int) bool {
	m.step(1)
	if depth == 0 {
		m.at.exceeded("a value is nested too deeply", maxNesting)
	}
	if i, ok := integer(a); ok {
		if j, ok := integer(b); ok {
			return i == j
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		s, ok := b.(string)
		return ok && a == s
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *List:
		l, ok := b.(*List)
		if !ok || a.kind != l.kind || len(a.items) != len(l.items) {
			return false
		}
		for i := range a.items {
			if !m.equal(a.items[i], l.items[i], depth-1) {
				return false
			}
		}
		return true
	case *Dict:
		d, ok := b.(*Dict)
		if !ok || len(a.keys) != len(d.keys) {
			return false
		}
		for k, v := range a.values {
			w, ok := d.values[k]
			if !ok || !m.equal(v, w, depth-1) {
				return false
			}
		}
		return true
	case *namespace:
		return any(a) == b
	case *iteration:
		return any(a) == b
	}
	return false
}
