package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"nextquill/core/fault"
)

// Limits bound what is read. A zero field means its default.
type Limits struct {
	Line  int   // bytes of one line, row or text file's item; default 4 MiB
	File  int64 // bytes of one file, or of a folder's files together; default 64 MiB
	Items int   // items; default 100 000
}

// maxFields and maxFieldName bound an item's context: more is no circumstance but a data dump.
const (
	maxFields    = 64
	maxFieldName = 256
)

func (l Limits) orDefault() Limits {
	if l.Line <= 0 {
		l.Line = 4 << 20
	}
	if l.File <= 0 {
		l.File = 64 << 20
	}
	if l.Items <= 0 {
		l.Items = 100_000
	}
	return l
}

const utf8Remedy = "save the file as UTF-8"

// source reads lines, counts what it reads, and makes the faults that name file and line.
type source struct {
	name string
	lim  Limits
	r    *bufio.Reader
	read int64
	line int // number of the line last read, from 1
	buf  []byte
}

func newSource(r io.Reader, name string, lim Limits) *source {
	s := &source{name: name, lim: lim.orDefault()}
	s.r = bufio.NewReaderSize(&counted{r, s}, 64<<10)
	if bom, _ := s.r.Peek(3); string(bom) == "\ufeff" {
		s.r.Discard(3)
	}
	return s
}

// counted stops reading at the file limit.
type counted struct {
	r io.Reader
	s *source
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.s.read += int64(n)
	if c.s.read > c.s.lim.File {
		return 0, fault.New(fault.TooLarge, c.s.name, "", "the file is too large").WithLimit("%d bytes", c.s.lim.File).
			WithRemedy("split it into several files, or leave the oldest items out")
	}
	if err != nil && err != io.EOF && fault.KindOf(err) == "" {
		err = fault.New(fault.Storage, c.s.name, "", "cannot be read").WithCause(err)
	}
	return n, err
}

func (s *source) fault(kind fault.Kind, format string, args ...any) *fault.Error {
	return fault.New(kind, s.name, fmt.Sprintf("line %d", s.line), format, args...)
}

func (s *source) tooLong() error {
	return s.fault(fault.TooLarge, "the item is too long").WithLimit("%d bytes", s.lim.Line).WithRemedy("split it into several items")
}

// next gives a line without its line break, or io.EOF. The line is valid until the next call.
func (s *source) next() ([]byte, error) {
	s.line++
	s.buf = s.buf[:0]
	for {
		part, err := s.r.ReadSlice('\n')
		if len(s.buf)+len(part) > s.lim.Line {
			return nil, s.tooLong()
		}
		s.buf = append(s.buf, part...)
		if err == nil || err == io.EOF && len(s.buf) > 0 {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(s.buf, []byte("\n")), []byte("\r"))
	if i := invalidByte(string(line)); i >= 0 {
		return nil, s.fault(fault.Malformed, "byte %d: 0x%02x is not UTF-8", i+1, line[i]).WithRemedy(utf8Remedy)
	}
	return line, nil
}

// invalidByte gives the place of the first byte that is not UTF-8, or -1.
func invalidByte(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// collector gathers items and holds them to the rules that every format shares.
type collector struct {
	s     *source
	items []Item
	ids   map[string]bool
}

func (c *collector) add(it Item) error {
	if len(c.items) == c.s.lim.Items {
		return c.s.fault(fault.TooLarge, "too many items").WithLimit("%d", c.s.lim.Items).WithRemedy("leave the oldest out")
	}
	if strings.TrimSpace(it.Text) == "" {
		return c.s.fault(fault.Missing, "the item has no text").WithRemedy("remove it, or give it a text")
	}
	if len(it.Context) > maxFields {
		return c.s.fault(fault.TooLarge, "the item has %d context fields", len(it.Context)).WithLimit("%d", maxFields)
	}
	names := map[string]bool{}
	for _, f := range it.Context {
		switch {
		case f.Name == "" || strings.ContainsAny(f.Name, "\r\n"):
			return c.s.fault(fault.Malformed, "a context field is named %s", fault.Quote(f.Name)).WithRemedy("name it by one line of text")
		case len(f.Name) > maxFieldName:
			return c.s.fault(fault.TooLarge, "a context field is named %s", fault.Quote(f.Name)).WithLimit("%d bytes", maxFieldName)
		case names[f.Name]:
			return c.s.fault(fault.Malformed, "the context field %s is given twice", fault.Quote(f.Name)).WithRemedy("rename one of the two")
		}
		names[f.Name] = true
	}
	if it.ID != "" {
		if c.ids[it.ID] {
			return c.s.fault(fault.Malformed, "the id %s was used before", fault.Quote(it.ID)).WithRemedy("make ids unique, or leave them out")
		}
		if c.ids == nil {
			c.ids = map[string]bool{}
		}
		c.ids[it.ID] = true
	}
	c.items = append(c.items, it)
	return nil
}

// done gives the items, in the order of the file. A file without any is a fault: it is hardly what was meant.
func (c *collector) done() ([]Item, error) {
	if len(c.items) == 0 {
		return nil, fault.New(fault.Missing, c.s.name, "", "holds no item").WithRemedy("add at least one text")
	}
	assignIDs(c.items)
	return c.items, nil
}
