package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods are the supported methods of Python's str. unsupportedStringMethods are its other
// methods; calling one gives a fault.Unsupported.
const (
	stringMethods = " strip lstrip rstrip upper lower title capitalize split rsplit splitlines " +
		"startswith endswith removeprefix " +
		"removesuffix replace find count join isdigit isalpha isalnum isspace "
	unsupportedStringMethods = " casefold center encode expandtabs format format_map index isascii " +
		"isdecimal isidentifier islower isnumeric " +
		"isprintable istitle isupper ljust maketrans partition rfind rindex rjust rpartition swapcase translate zfill "
	dictMethods            = " items keys values get "
	unsupportedDictMethods = " clear copy fromkeys pop popitem setdefault update "
	unsupportedListMethods = " append clear copy count extend index insert pop remove reverse sort "
)

// inList reports whether a name is in a space-separated list.
func inList(list, name string) bool {
	return name != "" && strings.IndexByte(name, ' ') < 0 && strings.Contains(list, " "+name+" ")
}

func (m *machine) stringMethod(s string, a *args) value {
	m.scan(s)
	switch a.name {
	case "strip":
		return a.trim(m, s, true, true)
	case "lstrip":
		return a.trim(m, s, true, false)
	case "rstrip":
		return a.trim(m, s, false, true)
	case "startswith":
		return a.affix(m, s, strings.HasPrefix)
	case "endswith":
		return a.affix(m, s, strings.HasSuffix)
	case "split":
		return m.split(s, a)
	case "rsplit":
		return m.rsplit(s, a)
	case "replace":
		p := a.bind(m, "old", "new", "count")
		return m.replace(s, a.stringArg(m, p[0]), a.stringArg(m, p[1]), a.intArg(m, p[2], -1))
	case "join":
		return m.joinMethod(s, a)
	case "removeprefix", "removesuffix", "find", "count":
		return m.searchMethod(s, a)
	}
	a.bind(m)
	switch a.name {
	case "upper":
		return m.upper(s)
	case "lower":
		return m.lower(s)
	case "title":
		return m.title(s, func(c rune) bool { return !unicode.IsLetter(c) })
	case "capitalize":
		return m.capitalize(s)
	case "splitlines":
		return m.texts(lines(s))
	case "isdigit":
		return all(s, unicode.IsDigit)
	case "isalpha":
		return all(s, unicode.IsLetter)
	case "isspace":
		return all(s, isSpace)
	}
	return all(s, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }) // isalnum
}

// searchMethod are the methods that take one string.
func (m *machine) searchMethod(s string, a *args) value {
	other := a.stringArg(m, a.bind(m, "sub")[0])
	switch a.name {
	case "removeprefix":
		return strings.TrimPrefix(s, other)
	case "removesuffix":
		return strings.TrimSuffix(s, other)
	case "count":
		return int64(strings.Count(s, other))
	}
	i := strings.Index(s, other)
	if i > 0 {
		i = utf8.RuneCountInString(s[:i])
	}
	return int64(i)
}

func (m *machine) split(s string, a *args) value {
	p := a.bind(m, "sep", "maxsplit")
	limit := a.intArg(m, p[1], -1)
	if p[0] == nil || *p[0] == nil {
		return m.fields(s, limit)
	}
	sep := a.separator(m, p[0])
	n := -1
	if limit >= 0 && limit < int64(len(s)) {
		n = int(limit) + 1
	}
	m.alloc(16 * (strings.Count(s, sep) + 1))
	return m.texts(strings.SplitN(s, sep, n))
}

func (a *args) separator(m *machine, v *value) string {
	sep := a.stringArg(m, v)
	if sep == "" {
		m.fail("%s needs a non-empty separator", a.name)
	}
	return sep
}

func (m *machine) rsplit(s string, a *args) value {
	p := a.bind(m, "sep", "maxsplit")
	sep, limit := a.separator(m, p[0]), a.intArg(m, p[1], -1)
	var parts []string
	for ; limit != 0; limit-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		m.scan(s[i:])
		m.alloc(16)
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return m.texts(parts)
}

func (m *machine) joinMethod(s string, a *args) value {
	p := a.bind(m, "iterable")
	if p[0] == nil {
		m.fail("join needs the items to join")
	}
	items := m.iterate(*p[0])
	for _, item := range items {
		if _, ok := item.(string); !ok {
			m.fail("join needs str items, but got a %s", kindOf(item))
		}
	}
	return m.joined(items, s)
}

func (m *machine) dictMethod(d *Dict, a *args) value {
	if a.name == "get" {
		p := a.bind(m, "key", "default")
		if p[0] == nil {
			m.fail("get needs a key")
		}
		if key, ok := (*p[0]).(string); ok {
			if v, ok := d.values[key]; ok {
				return v
			}
		}
		return *orNone(p[1])
	}
	a.bind(m)
	switch a.name {
	case "keys":
		return m.view("dict_keys", m.iterate(d))
	case "values":
		return m.view("dict_values", m.column(m.items(d), 1))
	}
	return m.view("dict_items", m.items(d))
}

// view returns a dict view, which is the result of keys, values and items.
func (m *machine) view(kind string, items []value) *List {
	l := m.listOf(items)
	l.kind = kind
	return l
}

// items returns the pairs of a dict.
func (m *machine) items(d *Dict) []value {
	m.step(len(d.keys))
	m.alloc(64 * len(d.keys))
	pairs := make([]value, len(d.keys))
	for i, k := range d.keys {
		pairs[i] = &List{items: []value{k, d.values[k]}, kind: tuple}
	}
	return pairs
}

// column returns one part of each pair.
func (m *machine) column(pairs []value, part int) []value {
	out := make([]value, len(pairs))
	for i, p := range pairs {
		out[i] = p.(*List).items[part]
	}
	return out
}

func (a *args) trim(m *machine, s string, left, right bool) value {
	p := a.bind(m, "chars")
	cut := isSpace
	if p[0] != nil && *p[0] != nil {
		chars := a.stringArg(m, p[0])
		cut = func(c rune) bool { return strings.ContainsRune(chars, c) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

// affix is startswith and endswith, with one string or a tuple of strings.
func (a *args) affix(m *machine, s string, has func(s, affix string) bool) value {
	p := a.bind(m, "affix")
	if p[0] != nil {
		if l, ok := (*p[0]).(*List); ok && l.kind == tuple {
			for i := range l.items {
				if has(s, a.stringArg(m, &l.items[i])) {
					return true
				}
			}
			return false
		}
	}
	return has(s, a.stringArg(m, p[0]))
}

// texts returns a list of strings.
func (m *machine) texts(parts []string) *List {
	items := make([]value, len(parts))
	for i, s := range parts {
		items[i] = s
	}
	m.step(len(items))
	return m.listOf(items)
}

// fields splits at white space, at most limit times.
func (m *machine) fields(s string, limit int64) *List {
	var parts []string
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; limit-- {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 || limit == 0 {
			parts = append(parts, s)
			break
		}
		m.alloc(16)
		parts = append(parts, s[:end])
		s = strings.TrimLeftFunc(s[end:], isSpace)
	}
	return m.texts(parts)
}

// lines splits lines as Python's splitlines does.
func lines(s string) (out []string) {
	for s != "" {
		i := strings.IndexFunc(s, func(c rune) bool {
			return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029
		})
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		s = s[i+n:]
	}
	return out
}

func (m *machine) replace(s, old, new string, count int64) string {
	n := strings.Count(s, old)
	if count >= 0 && count < int64(n) {
		n = int(count)
	}
	if grown := float64(n) * float64(len(new)); grown > maxMemory { // checked before the product can overflow an int
		m.at.exceeded("the template produces too much text", maxMemory)
	}
	m.alloc(len(s) + n*len(new))
	return strings.Replace(s, old, new, n)
}

func (m *machine) joined(items []value, sep string) string {
	parts := make([]string, len(items))
	total := 0
	for i, item := range items {
		m.step(1)
		parts[i] = m.str(item)
		total += len(parts[i]) + len(sep)
		if total > maxMemory {
			m.at.exceeded("the template produces too much text", maxMemory)
		}
	}
	m.alloc(total)
	return strings.Join(parts, sep)
}

// each maps characters; invalid UTF-8 bytes are kept.
func (m *machine) each(s string, f func(i int, c rune) rune) string {
	var b strings.Builder
	for i, c := range s {
		if c == utf8.RuneError && s[i] != "\uFFFD"[0] {
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(f(i, c))
	}
	return m.allocated(b.String())
}

func (m *machine) upper(s string) string {
	if i := strings.IndexAny(s, "ßŉǰΐΰևﬀﬁﬂ"); i >= 0 {
		m.at.unsupported("the upper case of a letter that becomes several letters")
	}
	return m.each(s, func(_ int, c rune) rune { return unicode.ToUpper(c) })
}

func (m *machine) lower(s string) string {
	return m.each(s, func(_ int, c rune) rune { return unicode.ToLower(c) })
}

func (m *machine) capitalize(s string) string {
	return m.each(s, func(i int, c rune) rune {
		if i == 0 {
			return unicode.ToTitle(c)
		}
		return unicode.ToLower(c)
	})
}

// title capitalises each word; gap reports whether a character separates words.
func (m *machine) title(s string, gap func(rune) bool) string {
	begins := true
	return m.each(s, func(_ int, c rune) rune {
		was := begins
		begins = gap(c)
		if was {
			return unicode.ToTitle(c)
		}
		return unicode.ToLower(c)
	})
}

func all(s string, is func(rune) bool) bool {
	for _, c := range s {
		if !is(c) {
			return false
		}
	}
	return s != ""
}
