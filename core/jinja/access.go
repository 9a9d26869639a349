package jinja

import (
	"strings"
	"unicode/utf8"

	"nextquill/core/fault"
)

// attribute is x.name: a method or attribute, else an item with that name, as in the reference.
func (m *machine) attribute(of value, name string) value {
	if v, ok := m.member(of, name); ok {
		return v
	}
	if d, ok := of.(*Dict); ok {
		if v, ok := d.values[name]; ok {
			return v
		}
	}
	return m.absent(of, name)
}

// item is x[index]: an item, else an attribute with that name.
func (m *machine) item(of, index value) value {
	if name, ok := index.(string); ok {
		if d, ok := of.(*Dict); ok {
			if v, ok := d.values[name]; ok {
				return v
			}
		}
		if v, ok := m.member(of, name); ok {
			return v
		}
		return m.absent(of, name)
	}
	n, ok := integer(index)
	switch of := of.(type) {
	case *undefined:
		m.fail("%s is undefined", of.what)
	case string:
		if ok {
			if at, size, ok := m.rune(of, n); ok {
				return of[at : at+size]
			}
		}
	case *List:
		if of.view() {
			break
		}
		if n < 0 {
			n += int64(len(of.items))
		}
		if ok && n >= 0 && n < int64(len(of.items)) {
			return of.items[n]
		}
	}
	return &undefined{"the item at that index"}
}

func (m *machine) absent(of value, name string) value {
	if u, ok := of.(*undefined); ok {
		m.fail("%s is undefined", u.what)
	}
	if strings.HasPrefix(name, "__") {
		m.at.unsupported("the attribute %s", fault.Quote(name))
	}
	return &undefined{"the attribute " + fault.Quote(name) + " of a " + kindOf(of)}
}

// member returns an attribute or method of the object itself.
func (m *machine) member(of value, name string) (value, bool) {
	switch of := of.(type) {
	case *namespace:
		v, ok := of.values[name]
		return v, ok
	case *iteration:
		v := of.get(m, name)
		_, none := v.(*undefined)
		return v, !none || name == "previtem" || name == "nextitem"
	case string:
		if inList(stringMethods, name) {
			return function{name, func(m *machine, a *args) value { return m.stringMethod(of, a) }}, true
		}
		m.rejectMethod(unsupportedStringMethods, name, of)
	case *Dict:
		if inList(dictMethods, name) {
			return function{name, func(m *machine, a *args) value { return m.dictMethod(of, a) }}, true
		}
		m.rejectMethod(unsupportedDictMethods, name, of)
	case *List:
		m.rejectMethod(unsupportedListMethods, name, of)
	case function: // attributes of a macro
		m.rejectMethod(" name arguments catch_kwargs catch_varargs caller ", name, of)
	}
	return nil, false
}

// rejectMethod rejects a method that Python has and this package does not.
func (m *machine) rejectMethod(methods, name string, of value) {
	if inList(methods, name) {
		m.at.unsupported("the method %s of a %s", name, kindOf(of))
	}
}

// rune finds the n-th character of a string, counted from its end if n is negative.
func (m *machine) rune(s string, n int64) (at, size int, ok bool) {
	m.scan(s)
	if n < 0 {
		if n += int64(utf8.RuneCountInString(s)); n < 0 {
			return 0, 0, false
		}
	}
	for at < len(s) {
		_, size = utf8.DecodeRuneInString(s[at:])
		if n == 0 {
			return at, size, true
		}
		n--
		at += size
	}
	return 0, 0, false
}

// span resolves a slice over n items: the first index, the step, and the number of items.
func (m *machine) span(n int, low, high, step *int64) (first, by, count int64) {
	by = 1
	if step != nil {
		by = *step
	}
	size := int64(n)
	if by > size { // one step is beyond the end
		by = size + 1
	} else if by < -size {
		by = -size - 1
	}
	if by == 0 {
		m.fail("the step of a slice is 0")
	}
	least, most := int64(0), size
	if by < 0 {
		least, most = -1, size-1
	}
	clamp := func(p *int64, otherwise int64) int64 {
		if p == nil {
			return otherwise
		}
		v := *p
		if v < 0 {
			v = max(v, -size-1) + size
		}
		return min(max(v, least), most)
	}
	var last int64
	if by > 0 {
		first, last = clamp(low, least), clamp(high, most)
		count = (last - first + by - 1) / by
	} else {
		first, last = clamp(low, most), clamp(high, least)
		count = (first - last - by - 1) / -by
	}
	return first, by, max(0, count)
}

func (m *machine) slice(of value, low, high, step *int64) value {
	switch of := of.(type) {
	case *undefined:
		m.fail("%s is undefined", of.what)
	case *List:
		if of.view() {
			break
		}
		first, by, count := m.span(len(of.items), low, high, step)
		items := make([]value, 0, count)
		m.step(int(count))
		for ; count > 0; count-- {
			items = append(items, of.items[first])
			first += by
		}
		l := m.listOf(items)
		l.kind = of.kind
		return l
	case string:
		m.alloc(8 * len(of)) // for starts
		m.step(1 + len(of)/16)
		starts := make([]int, 0, len(of)+1) // byte offsets, so that invalid UTF-8 survives
		for i := 0; i < len(of); {
			starts = append(starts, i)
			_, size := utf8.DecodeRuneInString(of[i:])
			i += size
		}
		n := len(starts)
		starts = append(starts, len(of))
		first, by, count := m.span(n, low, high, step)
		if count == 0 {
			return ""
		}
		if by == 1 {
			return of[starts[first]:starts[first+count]]
		}
		var b strings.Builder
		for ; count > 0; count-- {
			b.WriteString(of[starts[first]:starts[first+1]])
			first += by
		}
		return b.String()
	}
	return &undefined{"the slice of a " + kindOf(of)}
}

// iterate returns the items that a loop iterates over.
func (m *machine) iterate(v value) []value {
	switch v := v.(type) {
	case *List:
		return v.items
	case *undefined:
		return nil
	case *Dict:
		m.alloc(16 * len(v.keys))
		m.step(len(v.keys))
		items := make([]value, len(v.keys))
		for i, k := range v.keys {
			items[i] = k
		}
		return items
	case string:
		m.alloc(16 * len(v))
		m.step(len(v))
		var items []value
		for i := 0; i < len(v); {
			_, size := utf8.DecodeRuneInString(v[i:])
			items = append(items, v[i:i+size])
			i += size
		}
		return items
	}
	m.fail("a %s has no items", kindOf(v))
	return nil
}

// length is Python's len().
func (m *machine) length(v value) int {
	switch v := v.(type) {
	case string:
		m.scan(v)
		return utf8.RuneCountInString(v)
	case *List:
		return len(v.items)
	case *Dict:
		return len(v.keys)
	case *undefined:
		return 0
	}
	m.fail("a %s has no length", kindOf(v))
	return 0
}
