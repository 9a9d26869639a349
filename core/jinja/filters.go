package jinja

import (
	"math"
	"strconv"
	"strings"
)

// filter is what stands behind a |.
type filter func(m *machine, v value, a *args) value

// filters are those that chat templates use. It is filled by init, since select looks filters and tests up itself.
var filters map[string]filter

func init() {
	filters = map[string]filter{
		"trim": func(m *machine, v value, a *args) value { return a.trim(m, m.scanned(v), true, true) },
		"upper": func(m *machine, v value, a *args) value {
			a.take(m)
			return m.upper(m.scanned(v))
		},
		"lower":      func(m *machine, v value, a *args) value { a.take(m); return m.lower(m.scanned(v)) },
		"capitalize": func(m *machine, v value, a *args) value { a.take(m); return m.capitalize(m.scanned(v)) },
		"title": func(m *machine, v value, a *args) value {
			a.take(m)
			return m.title(m.scanned(v), func(c rune) bool { return isSpace(c) || strings.ContainsRune("-({[<", c) })
		},
		"string":     func(m *machine, v value, a *args) value { a.take(m); return m.str(v) },
		"length":     func(m *machine, v value, a *args) value { a.take(m); return int64(m.length(v)) },
		"count":      func(m *machine, v value, a *args) value { a.take(m); return int64(m.length(v)) },
		"list":       func(m *machine, v value, a *args) value { a.take(m); return m.listOf(m.iterate(v)) },
		"items":      filterItems,
		"first":      func(m *machine, v value, a *args) value { a.take(m); return m.end(v, true) },
		"last":       func(m *machine, v value, a *args) value { a.take(m); return m.end(v, false) },
		"reverse":    filterReverse,
		"join":       filterJoin,
		"replace":    filterReplace,
		"default":    filterDefault,
		"d":          filterDefault,
		"int":        filterInt,
		"float":      filterFloat,
		"abs":        filterAbs,
		"tojson":     filterJSON,
		"attr":       filterAttr,
		"map":        filterMap,
		"select":     func(m *machine, v value, a *args) value { return m.chosen(v, a, false, true) },
		"reject":     func(m *machine, v value, a *args) value { return m.chosen(v, a, false, false) },
		"selectattr": func(m *machine, v value, a *args) value { return m.chosen(v, a, true, true) },
		"rejectattr": func(m *machine, v value, a *args) value { return m.chosen(v, a, true, false) },
	}
}

// scanned is the text of a value, paid for as read.
func (m *machine) scanned(v value) string {
	s := m.str(v)
	m.scan(s)
	return s
}

func filterItems(m *machine, v value, a *args) value {
	a.take(m)
	switch v := v.(type) {
	case *Dict:
		return m.listOf(m.items(v))
	case *undefined:
		return &List{}
	}
	m.fail("items wants a dict, not a %s", kindOf(v))
	return nil
}

// end is the first or last item.
func (m *machine) end(v value, first bool) value {
	items := m.iterate(v)
	switch {
	case len(items) == 0:
		return &undefined{"the first or last of nothing"}
	case first:
		return items[0]
	}
	return items[len(items)-1]
}

func filterReverse(m *machine, v value, a *args) value {
	a.take(m)
	back := int64(-1)
	if s, ok := v.(string); ok {
		return m.slice(s, nil, nil, &back)
	}
	return m.slice(m.listOf(m.iterate(v)), nil, nil, &back)
}

func filterJoin(m *machine, v value, a *args) value {
	p := a.take(m, "d", "attribute")
	items := m.iterate(v)
	if p[1] != nil {
		items = m.attributes(items, a.text(m, p[1]))
	}
	sep := ""
	if p[0] != nil {
		sep = m.str(*p[0])
	}
	return m.joined(items, sep)
}

func filterReplace(m *machine, v value, a *args) value {
	p := a.take(m, "old", "new", "count")
	count := int64(-1)
	if p[2] != nil && *p[2] != nil {
		count = a.whole(m, p[2], -1)
	}
	return m.replace(m.scanned(v), a.text(m, p[0]), a.text(m, p[1]), count)
}

func filterDefault(m *machine, v value, a *args) value {
	p := a.take(m, "default_value", "boolean")
	if _, ok := v.(*undefined); !ok && !(flag(p[1], false) && !truth(v)) {
		return v
	}
	if p[0] == nil {
		return ""
	}
	return *p[0]
}

func filterInt(m *machine, v value, a *args) value {
	otherwise := a.whole(m, a.take(m, "default")[0], 0)
	switch v := v.(type) {
	case bool, int64:
		n, _ := integer(v)
		return n
	case float64:
		return m.truncated(v, otherwise)
	case string:
		s := strings.TrimFunc(v, isSpace)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		if f, ok := decimal(s); ok {
			return m.truncated(f, otherwise)
		}
	case *undefined:
		m.fail("%s is undefined", v.what)
	}
	return otherwise
}

func (m *machine) truncated(f float64, otherwise int64) int64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return otherwise
	}
	if math.Abs(f) >= 1<<63 {
		m.at.unsupported("an integer of more than 64 bits")
	}
	return int64(f)
}

// decimal parses a float as Python does, where that and Go agree on what one is.
func decimal(s string) (float64, bool) {
	if strings.ContainsAny(s, "xXpP_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func filterFloat(m *machine, v value, a *args) value {
	p := a.take(m, "default")
	if f, ok := number(v); ok {
		return f
	}
	if s, ok := v.(string); ok {
		if f, ok := decimal(strings.TrimFunc(s, isSpace)); ok {
			return f
		}
	}
	if p[0] != nil {
		return *p[0]
	}
	return 0.0
}

func filterAbs(m *machine, v value, a *args) value {
	a.take(m)
	if n, ok := integer(v); ok {
		if n < 0 {
			return m.integers("-", 0, n)
		}
		return n
	}
	f, ok := v.(float64)
	if !ok {
		m.fail("abs wants a number, not a %s", m.described(v))
	}
	return math.Abs(f)
}

func filterAttr(m *machine, v value, a *args) value {
	name := a.text(m, a.take(m, "name")[0])
	if found, ok := m.member(v, name); ok {
		return found
	}
	return m.absent(v, name)
}

// attributes gives an attribute of each item, by a path like "function.name".
func (m *machine) attributes(items []value, path string) []value {
	out := make([]value, len(items))
	for i, item := range items {
		out[i] = m.path(item, path)
	}
	m.pay(16 * len(out))
	return out
}

func (m *machine) path(v value, path string) value {
	for _, part := range strings.Split(path, ".") {
		m.step(1)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			v = m.item(v, n)
		} else {
			v = m.item(v, part)
		}
	}
	return v
}

// filterMap is map(attribute="name", default=…) or map("filter", …).
func filterMap(m *machine, v value, a *args) value {
	items := m.iterate(v)
	if len(a.list) == 0 {
		p := a.take(m, "attribute", "default")
		out := m.attributes(items, a.text(m, p[0]))
		for i := range out {
			if _, missing := out[i].(*undefined); missing && p[1] != nil {
				out[i] = *p[1]
			}
		}
		return m.listOf(out)
	}
	name := a.text(m, &a.list[0])
	f, ok := filters[name]
	if !ok {
		m.at.unsupported("the filter %s", name)
	}
	rest := &args{name: name, list: a.list[1:], names: a.names, named: a.named}
	out := make([]value, len(items))
	for i, item := range items {
		m.step(1)
		out[i] = f(m, item, rest)
	}
	return m.listOf(out)
}

// chosen are the items for which a test holds, or with keep off does not: of the items themselves, or of an attribute.
func (m *machine) chosen(v value, a *args, byAttribute, keep bool) value {
	items, list := m.iterate(v), a.list
	path := ""
	if byAttribute {
		if len(list) == 0 {
			m.fail("%s wants an attribute", a.name)
		}
		path = a.text(m, &list[0])
		list = list[1:]
	}
	holds := test(func(_ *machine, v value, _ *args) bool { return truth(v) })
	rest := &args{name: a.name}
	if len(list) > 0 {
		rest.name = a.text(m, &list[0])
		rest.list, rest.names, rest.named = list[1:], a.names, a.named
		var ok bool
		if holds, ok = tests[rest.name]; !ok {
			m.at.unsupported("the test %s", rest.name)
		}
	}
	var out []value
	for _, item := range items {
		m.step(1)
		judged := item
		if byAttribute {
			judged = m.path(item, path)
		}
		if holds(m, judged, rest) == keep {
			out = append(out, item)
		}
	}
	return m.listOf(out)
}
