package jinja

import (
	"math"
	"strconv"
	"strings"

	"nextquill/core/fault"
)

// filters are the supported filters.
const filters = " trim upper lower capitalize title string length count list items first last " +
	"reverse join replace default d int float " +
	"abs tojson attr map select reject selectattr rejectattr "

// filter is v|name(a). A filter that is not supported is rejected here and not when the template is
// parsed: templates have parts for tools and images that conversations of text never reach.
func (m *machine) filter(v value, a *args) value {
	if !inList(filters, a.name) {
		m.at.unsupported("the filter %s", fault.Quote(a.name))
	}
	switch a.name {
	case "trim":
		return a.trim(m, m.scannedString(v), true, true)
	case "join":
		return filterJoin(m, v, a)
	case "replace":
		return filterReplace(m, v, a)
	case "default", "d":
		return filterDefault(m, v, a)
	case "int":
		return filterInt(m, v, a)
	case "float":
		return filterFloat(m, v, a)
	case "tojson":
		return filterJSON(m, v, a)
	case "attr":
		return filterAttr(m, v, a)
	case "map":
		return filterMap(m, v, a)
	case "select", "reject", "selectattr", "rejectattr":
		return m.selectItems(v, a, strings.HasSuffix(a.name, "attr"), a.name[0] == 's')
	}
	a.bind(m)
	switch a.name {
	case "upper":
		return m.upper(m.scannedString(v))
	case "lower":
		return m.lower(m.scannedString(v))
	case "capitalize":
		return m.capitalize(m.scannedString(v))
	case "title":
		return m.title(m.scannedString(v), func(c rune) bool { return isSpace(c) || strings.ContainsRune("-({[<", c) })
	case "string":
		return m.str(v)
	case "length", "count":
		return int64(m.length(v))
	case "list":
		return m.listOf(m.iterate(v))
	case "items":
		return filterItems(m, v)
	case "first", "last":
		return m.firstOrLast(v, a.name == "first")
	case "reverse":
		return filterReverse(m, v)
	}
	return filterAbs(m, v)
}

// scannedString returns the text of a value and counts the steps to read it.
func (m *machine) scannedString(v value) string {
	s := m.str(v)
	m.scan(s)
	return s
}

func filterItems(m *machine, v value) value {
	switch v := v.(type) {
	case *Dict:
		return m.listOf(m.items(v))
	case *undefined:
		return &List{}
	}
	m.fail("items needs a dict, but got a %s", kindOf(v))
	return nil
}

// firstOrLast returns the first or last item.
func (m *machine) firstOrLast(v value, first bool) value {
	items := m.iterate(v)
	switch {
	case len(items) == 0:
		return &undefined{"the first or last item of an empty value"}
	case first:
		return items[0]
	}
	return items[len(items)-1]
}

func filterReverse(m *machine, v value) value {
	back := int64(-1)
	if s, ok := v.(string); ok {
		return m.slice(s, nil, nil, &back)
	}
	return m.slice(m.listOf(m.iterate(v)), nil, nil, &back)
}

func filterJoin(m *machine, v value, a *args) value {
	p := a.bind(m, "d", "attribute")
	items := m.iterate(v)
	if p[1] != nil {
		items = m.attributes(items, a.stringArg(m, p[1]))
	}
	sep := ""
	if p[0] != nil {
		sep = m.str(*p[0])
	}
	return m.joined(items, sep)
}

func filterReplace(m *machine, v value, a *args) value {
	p := a.bind(m, "old", "new", "count")
	count := int64(-1)
	if p[2] != nil && *p[2] != nil {
		count = a.intArg(m, p[2], -1)
	}
	return m.replace(m.scannedString(v), a.stringArg(m, p[0]), a.stringArg(m, p[1]), count)
}

func filterDefault(m *machine, v value, a *args) value {
	p := a.bind(m, "default_value", "boolean")
	if _, ok := v.(*undefined); !ok && !(boolArg(p[1], false) && !truth(v)) {
		return v
	}
	if p[0] == nil {
		return ""
	}
	return *p[0]
}

func filterInt(m *machine, v value, a *args) value {
	otherwise := a.intArg(m, a.bind(m, "default")[0], 0)
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

// decimal parses a float as Python does, if Python and Go agree on its syntax.
func decimal(s string) (float64, bool) {
	if strings.ContainsAny(s, "xXpP_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func filterFloat(m *machine, v value, a *args) value {
	p := a.bind(m, "default")
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

func filterAbs(m *machine, v value) value {
	if n, ok := integer(v); ok {
		if n < 0 {
			return m.integers("-", 0, n)
		}
		return n
	}
	f, ok := v.(float64)
	if !ok {
		m.fail("abs needs a number, but got a %s", m.describe(v))
	}
	return math.Abs(f)
}

func filterAttr(m *machine, v value, a *args) value {
	name := a.stringArg(m, a.bind(m, "name")[0])
	if found, ok := m.member(v, name); ok {
		return found
	}
	return m.absent(v, name)
}

// attributes returns an attribute of each item, by a path like "function.name".
func (m *machine) attributes(items []value, path string) []value {
	out := make([]value, len(items))
	for i, item := range items {
		out[i] = m.path(item, path)
	}
	m.alloc(16 * len(out))
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
		p := a.bind(m, "attribute", "default")
		out := m.attributes(items, a.stringArg(m, p[0]))
		for i := range out {
			if _, missing := out[i].(*undefined); missing && p[1] != nil {
				out[i] = *p[1]
			}
		}
		return m.listOf(out)
	}
	name := a.stringArg(m, &a.list[0])
	rest := &args{name: name, list: a.list[1:], names: a.names, named: a.named}
	out := make([]value, len(items))
	for i, item := range items {
		m.step(1)
		out[i] = m.filter(item, rest)
	}
	return m.listOf(out)
}

// selectItems returns the items whose test result equals keep. With byAttribute it tests an
// attribute of the item.
func (m *machine) selectItems(v value, a *args, byAttribute, keep bool) value {
	items, list := m.iterate(v), a.list
	path := ""
	if byAttribute {
		if len(list) == 0 {
			m.fail("%s needs an attribute", a.name)
		}
		path = a.stringArg(m, &list[0])
		list = list[1:]
	}
	rest := &args{}
	if len(list) > 0 {
		rest = &args{name: a.stringArg(m, &list[0]), list: list[1:], names: a.names, named: a.named}
	}
	var out []value
	for _, item := range items {
		m.step(1)
		judged := item
		if byAttribute {
			judged = m.path(item, path)
		}
		holds := rest.name == "" && truth(judged) || rest.name != "" && m.test(judged, rest)
		if holds == keep {
			out = append(out, item)
		}
	}
	return m.listOf(out)
}
