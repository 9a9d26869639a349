package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods are those of Python's str that templates use.
var stringMethods = map[string]func(m *machine, s string, a *args) value{
	"strip":  func(m *machine, s string, a *args) value { return a.trim(m, s, true, true) },
	"lstrip": func(m *machine, s string, a *args) value { return a.trim(m, s, true, false) },
	"rstrip": func(m *machine, s string, a *args) value { return a.trim(m, s, false, true) },
	"upper":  func(m *machine, s string, a *args) value { a.take(m); return m.upper(s) },
	"lower":  func(m *machine, s string, a *args) value { a.take(m); return m.lower(s) },
	"title": func(m *machine, s string, a *args) value {
		a.take(m)
		return m.title(s, func(c rune) bool { return !unicode.IsLetter(c) })
	},
	"capitalize": func(m *machine, s string, a *args) value { a.take(m); return m.capitalize(s) },
	"split": func(m *machine, s string, a *args) value {
		p := a.take(m, "sep", "maxsplit")
		limit := a.whole(m, p[1], -1)
		if p[0] == nil || *p[0] == nil {
			return m.fields(s, limit)
		}
		sep := a.text(m, p[0])
		if sep == "" {
			m.fail("split wants a separator that is not empty")
		}
		n := -1
		if limit >= 0 && limit < int64(len(s)) {
			n = int(limit) + 1
		}
		m.pay(16 * (strings.Count(s, sep) + 1))
		return m.texts(strings.SplitN(s, sep, n))
	},
	"rsplit": func(m *machine, s string, a *args) value {
		p := a.take(m, "sep", "maxsplit")
		sep := a.text(m, p[0])
		if sep == "" {
			m.fail("rsplit wants a separator that is not empty")
		}
		parts := []string{}
		limit := a.whole(m, p[1], -1)
		for ; limit != 0; limit-- {
			i := strings.LastIndex(s, sep)
			if i < 0 {
				break
			}
			m.scan(s[i:])
			m.pay(16)
			parts = append(parts, s[i+len(sep):])
			s = s[:i]
		}
		parts = append(parts, s)
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
		return m.texts(parts)
	},
	"splitlines": func(m *machine, s string, a *args) value {
		a.take(m)
		return m.texts(lines(s))
	},
	"startswith": func(m *machine, s string, a *args) value { return a.affix(m, s, strings.HasPrefix) },
	"endswith":   func(m *machine, s string, a *args) value { return a.affix(m, s, strings.HasSuffix) },
	"removeprefix": func(m *machine, s string, a *args) value {
		return strings.TrimPrefix(s, a.text(m, a.take(m, "prefix")[0]))
	},
	"removesuffix": func(m *machine, s string, a *args) value {
		return strings.TrimSuffix(s, a.text(m, a.take(m, "suffix")[0]))
	},
	"replace": func(m *machine, s string, a *args) value {
		p := a.take(m, "old", "new", "count")
		return m.replace(s, a.text(m, p[0]), a.text(m, p[1]), a.whole(m, p[2], -1))
	},
	"find": func(m *machine, s string, a *args) value {
		i := strings.Index(s, a.text(m, a.take(m, "sub")[0]))
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return int64(i)
	},
	"count": func(m *machine, s string, a *args) value {
		return int64(strings.Count(s, a.text(m, a.take(m, "sub")[0])))
	},
	"join": func(m *machine, s string, a *args) value {
		p := a.take(m, "iterable")
		if p[0] == nil {
			m.fail("join wants what to join")
		}
		items := m.iterate(*p[0])
		for _, item := range items {
			if _, ok := item.(string); !ok {
				m.fail("join wants str items, not a %s", kindOf(item))
			}
		}
		return m.joined(items, s)
	},
	"isdigit": func(m *machine, s string, a *args) value { a.take(m); return all(s, unicode.IsDigit) },
	"isalpha": func(m *machine, s string, a *args) value { a.take(m); return all(s, unicode.IsLetter) },
	"isalnum": func(m *machine, s string, a *args) value {
		a.take(m)
		return all(s, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) })
	},
	"isspace": func(m *machine, s string, a *args) value { a.take(m); return all(s, isSpace) },
}

// pythonStringMethods are the other ones: known to be meant, and refused.
var pythonStringMethods = map[string]bool{}

func init() {
	for _, name := range strings.Fields(`casefold center encode expandtabs format format_map index isascii isdecimal isidentifier
		islower isnumeric isprintable istitle isupper ljust maketrans partition rfind rindex rjust rpartition swapcase translate zfill`) {
		pythonStringMethods[name] = true
	}
}

var dictMethods = map[string]func(m *machine, d *Dict, a *args) value{
	"items": func(m *machine, d *Dict, a *args) value { a.take(m); return m.view("dict_items", m.items(d)) },
	"keys":  func(m *machine, d *Dict, a *args) value { a.take(m); return m.view("dict_keys", m.iterate(d)) },
	"values": func(m *machine, d *Dict, a *args) value {
		a.take(m)
		return m.view("dict_values", m.column(m.items(d), 1))
	},
	"get": func(m *machine, d *Dict, a *args) value {
		p := a.take(m, "key", "default")
		if p[0] == nil {
			m.fail("get wants a key")
		}
		if key, ok := (*p[0]).(string); ok {
			if v, ok := d.values[key]; ok {
				return v
			}
		}
		if p[1] == nil {
			return nil
		}
		return *p[1]
	},
}

// view is what keys, values and items give: nearly a list.
func (m *machine) view(kind string, items []value) *List {
	l := m.listOf(items)
	l.kind = kind
	return l
}

// items are the pairs of a dict.
func (m *machine) items(d *Dict) []value {
	m.step(len(d.keys))
	m.pay(64 * len(d.keys))
	pairs := make([]value, len(d.keys))
	for i, k := range d.keys {
		pairs[i] = &List{items: []value{k, d.values[k]}, kind: tuple}
	}
	return pairs
}

// column is one part of each pair.
func (m *machine) column(pairs []value, part int) []value {
	out := make([]value, len(pairs))
	for i, p := range pairs {
		out[i] = p.(*List).items[part]
	}
	return out
}

func (a *args) trim(m *machine, s string, left, right bool) value {
	p := a.take(m, "chars")
	cut := isSpace
	if p[0] != nil && *p[0] != nil {
		chars := a.text(m, p[0])
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

// affix is startswith and endswith, with one string or a tuple of them.
func (a *args) affix(m *machine, s string, has func(s, affix string) bool) value {
	p := a.take(m, "affix")
	if p[0] != nil {
		if l, ok := (*p[0]).(*List); ok && l.kind == tuple {
			for i := range l.items {
				if has(s, a.text(m, &l.items[i])) {
					return true
				}
			}
			return false
		}
	}
	return has(s, a.text(m, p[0]))
}

// texts makes a list of strings.
func (m *machine) texts(parts []string) *List {
	items := make([]value, len(parts))
	for i, s := range parts {
		items[i] = s
	}
	m.step(len(items))
	return m.listOf(items)
}

// fields splits at white space; behind limit splits the rest stays whole.
func (m *machine) fields(s string, limit int64) *List {
	var parts []string
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; limit-- {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 || limit == 0 {
			parts = append(parts, s)
			break
		}
		m.pay(16)
		parts = append(parts, s[:end])
		s = strings.TrimLeftFunc(s[end:], isSpace)
	}
	return m.texts(parts)
}

// lines splits where Python's splitlines does.
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
	if grown := float64(n) * float64(len(new)); grown > maxMemory { // before the product overflows an int
		m.at.exceeded("the template makes too much text", maxMemory)
	}
	m.pay(len(s) + n*len(new))
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
			m.at.exceeded("the template makes too much text", maxMemory)
		}
	}
	m.pay(total)
	return strings.Join(parts, sep)
}

// each maps characters; bytes that are not UTF-8 stay.
func (m *machine) each(s string, f func(i int, c rune) rune) string {
	var b strings.Builder
	for i, c := range s {
		if c == utf8.RuneError && s[i] != "\uFFFD"[0] {
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(f(i, c))
	}
	return m.made(b.String())
}

func (m *machine) upper(s string) string {
	if i := strings.IndexAny(s, "ßŉǰΐΰևﬀﬁﬂ"); i >= 0 {
		m.at.unsupported("the upper case of a letter that becomes several")
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

// title begins each word with a capital; gap tells what lies between words.
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
