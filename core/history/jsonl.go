package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"time"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// ReadJSONL reads one item per line:
//
//	{"context": {"to": "Ann", "subject": "lunch"}, "text": "Let's …", "time": "2024-05-17"}
//
// Context may also be one string. Unknown keys become context fields, in their order. Time is RFC
// 3339, a date, or Unix seconds or milliseconds. An id is kept. Blank lines are skipped. Invalid
// input is a fault that names the line; then no items are returned.
func ReadJSONL(r io.Reader, name string, lim Limits) ([]Item, error) {
	s := newSource(r, name, lim)
	c := &collector{s: s}
	for {
		line, err := s.next()
		if err == io.EOF {
			return c.done()
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		it, err := s.jsonItem(line)
		if err == nil {
			err = c.add(it)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *source) jsonItem(line []byte) (it Item, err error) {
	r := jsonx.NewReader(line)
	seen := map[string]bool{}
	err = r.Object(func(key string) (err error) {
		if seen[key] {
			return s.fault(fault.Malformed, "%s is given twice", fault.Quote(key))
		}
		seen[key] = true
		switch key {
		case "id":
			it.ID, err = r.String()
		case "text":
			it.Text, err = r.String()
		case "time":
			it.Time, err = s.jsonTime(r)
		case "context":
			if r.Peek() == '{' {
				return r.Object(func(name string) error { return s.jsonField(r, name, &it) })
			}
			return s.jsonField(r, key, &it)
		default:
			return s.jsonField(r, key, &it)
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil && fault.KindOf(err) == "" {
		err = s.fault(fault.Malformed, "is not an item in JSON").WithCause(err).
			WithRemedy(`write {"context": {…}, "text": "…", "time": "…"}`)
	}
	return it, err
}

// jsonField adds a context field. Numbers and booleans keep their spelling; null is skipped.
func (s *source) jsonField(r *jsonx.Reader, name string, it *Item) error {
	switch c := r.Peek(); c {
	case '"':
		v, err := r.String()
		it.Context = append(it.Context, Field{name, v})
		return err
	case '{', '[':
		return s.fault(fault.Unsupported, "the field %s holds a list or an object", fault.Quote(name)).
			WithRemedy("give context fields as text or numbers")
	default:
		v, err := r.Raw()
		if err == nil && string(v) != "null" {
			it.Context = append(it.Context, Field{name, string(v)})
		}
		return err
	}
}

func (s *source) jsonTime(r *jsonx.Reader) (t time.Time, err error) {
	if r.Null() {
		return t, nil
	}
	ok, shown := false, ""
	if r.Peek() == '"' {
		if shown, err = r.String(); err == nil {
			t, ok = parseTime(shown)
		}
	} else {
		var f float64
		raw := *r
		if f, err = r.Float(); err == nil {
			b, _ := raw.Raw()
			shown = string(b)
			t, ok = unixTime(f)
		}
	}
	if err == nil && !ok {
		err = s.badTime(shown)
	}
	return t, err
}

func (s *source) badTime(shown string) error {
	return s.fault(fault.Malformed, "%s is not a time", fault.Quote(shown)).
		WithRemedy("write it as 2024-05-17T12:00:00Z or 2024-05-17")
}

// WriteJSONL writes items in the format of ReadJSONL, which reads the same items back.
func WriteJSONL(w io.Writer, items []Item) error {
	b := bufio.NewWriter(w)
	str := func(s string) {
		e := json.NewEncoder(noNewline{b})
		e.SetEscapeHTML(false)
		_ = e.Encode(s) // a string always encodes; write errors surface in Flush
	}
	for _, it := range items {
		b.WriteString(`{"id":`)
		str(it.ID)
		b.WriteString(`,"context":{`)
		for i, f := range it.Context {
			if i > 0 {
				b.WriteByte(',')
			}
			str(f.Name)
			b.WriteByte(':')
			str(f.Value)
		}
		b.WriteString(`},"text":`)
		str(it.Text)
		if !it.Time.IsZero() {
			b.WriteString(`,"time":`)
			str(it.Time.UTC().Format(time.RFC3339Nano))
		}
		b.WriteString("}\n")
	}
	if err := b.Flush(); err != nil {
		return fault.New(fault.Storage, "", "", "the history cannot be written").WithCause(err)
	}
	return nil
}

// noNewline drops the line break that json.Encoder puts after a value.
type noNewline struct{ w io.Writer }

func (n noNewline) Write(p []byte) (int, error) {
	if _, err := n.w.Write(bytes.TrimSuffix(p, []byte("\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
