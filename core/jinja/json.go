package jinja

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// filterJSON is tojson as transformers defines it: Python's json.dumps with ensure_ascii=False and
// without HTML escapes.
func filterJSON(m *machine, v value, a *args) value {
	p := a.bind(m, "ensure_ascii", "indent", "separators", "sort_keys")
	if boolArg(p[3], false) {
		m.at.unsupported("tojson with sort_keys")
	}
	w := jsonWriter{m: m, item: ", ", key: ": ", ascii: boolArg(p[0], false)}
	if p[1] != nil && *p[1] != nil {
		switch by := (*p[1]).(type) {
		case string:
			w.indent, w.newlines = by, true
		default:
			n := a.intArg(m, p[1], 0)
			w.indent, w.newlines = m.repeat(" ", min(n, 64)), true
		}
		w.item = ","
	}
	if p[2] != nil && *p[2] != nil {
		parts := m.unpack(*p[2], 2)
		w.item, w.key = a.stringArg(m, &parts[0]), a.stringArg(m, &parts[1])
	}
	w.write(v, 0)
	return w.b.String()
}

type jsonWriter struct {
	m         *machine
	b         strings.Builder
	item, key string // separators
	indent    string
	newlines  bool
	ascii     bool
}

func (w *jsonWriter) write(v value, depth int) {
	w.m.step(1)
	w.m.alloc(16)
	if depth > maxNesting {
		w.m.at.exceeded("a value is nested too deeply", maxNesting)
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.b.WriteString(float(v))
	case string:
		w.string(v)
	case *List:
		if v.view() {
			w.m.fail("a %s cannot be converted to JSON", v.kind)
		}
		w.container('[', ']', len(v.items), depth, func(i int) { w.write(v.items[i], depth+1) })
	case *Dict:
		w.container('{', '}', len(v.keys), depth, func(i int) {
			w.string(v.keys[i])
			w.raw(w.key)
			w.write(v.values[v.keys[i]], depth+1)
		})
	default:
		w.m.fail("a %s cannot be converted to JSON", w.m.describe(v))
	}
}

func (w *jsonWriter) raw(s string) {
	w.m.alloc(len(s))
	w.b.WriteString(s)
}

func (w *jsonWriter) container(open, end byte, n, depth int, item func(i int)) {
	w.b.WriteByte(open)
	line := func(depth int) {
		if w.newlines {
			w.raw("\n")
			for range depth {
				w.raw(w.indent)
			}
		}
	}
	for i := range n {
		if i > 0 {
			w.raw(w.item)
		}
		line(depth + 1)
		item(i)
	}
	if n > 0 {
		line(depth)
	}
	w.b.WriteByte(end)
}

func (w *jsonWriter) string(s string) {
	w.m.scan(s)
	w.m.alloc(2 + 6*len(s))
	w.b.WriteByte('"')
	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.b.WriteByte('\\')
			w.b.WriteByte(byte(c))
		case c == utf8.RuneError && s[i] != "\uFFFD"[0]:
			w.b.WriteByte(s[i])
		case c < 0x20:
			if i := strings.IndexByte("\b\f\n\r\t", byte(c)); i >= 0 {
				w.b.WriteByte('\\')
				w.b.WriteByte("bfnrt"[i])
			} else {
				putHex(&w.b, `\u`, c, 4)
			}
		case w.ascii && c > 0xffff:
			hi, lo := utf16.EncodeRune(c)
			putHex(&w.b, `\u`, hi, 4)
			putHex(&w.b, `\u`, lo, 4)
		case w.ascii && c >= 0x7f:
			putHex(&w.b, `\u`, c, 4)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}
