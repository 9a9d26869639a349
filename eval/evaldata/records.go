package evaldata

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"nextquill/core/fault"
)

// record is one JSON object of a file.
type record struct {
	members []member
	where   string // "file: line 3"
}

// member is one field of an object, in the order of the file.
type member struct {
	name  string
	value json.RawMessage
}

// get returns the first field with one of these names.
func (r record) get(names ...string) (json.RawMessage, bool) {
	for _, name := range names {
		for _, m := range r.members {
			if m.name == name && string(m.value) != "null" {
				return m.value, true
			}
		}
	}
	return nil, false
}

// scalar returns a field as text; a number or a boolean keeps its spelling. ok is false if there is
// no such field, or if it is a list or an object.
func (r record) scalar(names ...string) (text string, ok bool) {
	raw, ok := r.get(names...)
	if !ok {
		return "", false
	}
	return scalar(raw)
}

func scalar(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '{', '[':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), true
}

// list reads a field as a list of objects.
func (r record) list(name string) ([]record, error) {
	raw, ok := r.get(name)
	if !ok {
		return nil, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, fault.New(fault.Malformed, r.where, name, "is not a list").
			WithRemedy("check the format of the data set")
	}
	out := make([]record, len(elements))
	for i, e := range elements {
		where := fmt.Sprintf("%s: %s %d", r.where, name, i+1)
		var err error
		if out[i], err = parse(e, where); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parse reads a JSON object and keeps the order of its fields.
func parse(raw []byte, where string) (record, error) {
	bad := func(err error, format string, args ...any) (record, error) {
		return record{}, fault.New(fault.Malformed, where, "", format, args...).WithCause(err).
			WithRemedy("check that the file is complete and has the expected format")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad(err, "is not a JSON object: %s", fault.Quote(string(bytes.TrimSpace(raw))))
	}
	r := record{where: where}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return bad(err, "is not a JSON object")
		}
		name := key.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return bad(err, "field %s", fault.Quote(name))
		}
		if seen[name] {
			return bad(nil, "has the field %s twice", fault.Quote(name))
		}
		seen[name] = true
		r.members = append(r.members, member{name, value})
	}
	if _, err := d.Token(); err != nil {
		return bad(err, "is not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return bad(nil, "has more than one object in a record")
	}
	return r, nil
}

// each calls fn with the objects of a file in turn: a JSON array of objects, or one object a line.
func each(path string, lim Limits, fn func(record) error) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name := filepath.Base(path)
	in := &bounded{r: f, path: path, left: lim.File}
	b := bufio.NewReaderSize(in, 1<<16)
	if bom, _ := b.Peek(3); string(bom) == "\ufeff" {
		b.Discard(3)
	}
	first, err := firstByte(b)
	switch {
	case err != nil && err != io.EOF:
		return err
	case first == '[':
		return eachElement(in, b, name, lim, fn)
	}
	return eachLine(b, name, lim, fn)
}

// firstByte returns the first byte that is not white space, without reading it.
func firstByte(b *bufio.Reader) (byte, error) {
	for {
		c, err := b.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, b.UnreadByte()
		}
	}
}

func eachElement(in *bounded, b *bufio.Reader, name string, lim Limits, fn func(record) error) error {
	in.limit = lim.Record + 1<<17 // the buffers of the two readers are read ahead
	d := json.NewDecoder(b)
	fail := func(i int, err error) error {
		if in.err != nil {
			return in.err
		}
		return fault.New(fault.Malformed, name, fmt.Sprintf("entry %d", i), "is not valid JSON").WithCause(err).
			WithRemedy("download the file again, and check its size")
	}
	if _, err := d.Token(); err != nil {
		return fail(1, err)
	}
	i := 1
	for ; d.More(); i++ {
		in.record = 0
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fail(i, err)
		}
		where := fmt.Sprintf("%s: entry %d", name, i)
		if err := text(raw, where); err != nil {
			return err
		}
		r, err := parse(raw, where)
		if err == nil {
			err = fn(r)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(i, err)
	}
	return nil
}

func eachLine(b *bufio.Reader, name string, lim Limits, fn func(record) error) error {
	var buf []byte
	for line := 1; ; line++ {
		where := fmt.Sprintf("%s: line %d", name, line)
		buf = buf[:0]
		var err error
		for {
			var part []byte
			part, err = b.ReadSlice('\n')
			if len(buf)+len(part) > lim.Record {
				return tooLong(where, lim.Record)
			}
			buf = append(buf, part...)
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if err != nil && err != io.EOF {
			return err
		}
		if raw := bytes.TrimSpace(buf); len(raw) > 0 {
			if err := text(raw, where); err != nil {
				return err
			}
			if bytes.HasPrefix(raw, []byte("{'")) {
				return fault.New(fault.Unsupported, where, "", "has Python literals, as Amazon's data of 2014").
					WithRemedy("use the data of 2018 or 2023, or convert it to JSON")
			}
			r, parseErr := parse(bytes.Clone(raw), where)
			if parseErr == nil {
				parseErr = fn(r)
			}
			if parseErr != nil {
				return parseErr
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// text refuses bytes that are not UTF-8, which encoding/json would replace.
func text(raw []byte, where string) error {
	if utf8.Valid(raw) {
		return nil
	}
	return fault.New(fault.Malformed, where, "", "is not UTF-8").WithRemedy("save the file as UTF-8")
}
