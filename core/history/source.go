package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"nextquill/core/fault"
)

const utf8Remedy = "save the file as UTF-8"

// source reads lines, counts bytes, and creates faults that name the file and the line.
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

// counted is a reader that stops at the file limit.
type counted struct {
	r io.Reader
	s *source
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.s.read += int64(n)
	if c.s.read > c.s.lim.File {
		return 0, fault.New(fault.TooLarge, c.s.name, "", "the file is too large").
			WithLimit("%d bytes", c.s.lim.File).
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
	return s.fault(fault.TooLarge, "the item is too long").WithLimit("%d bytes", s.lim.Line).
		WithRemedy("split it into several items")
}

// next returns a line without its line break, or io.EOF. The line is valid until the next call.
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

// invalidByte returns the index of the first byte that is not UTF-8, or -1.
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
