package history

import (
	"bytes"
	"io"
	"strings"
	"time"
)

// ReadText reads plain text. Each paragraph (lines between blank lines) is an item; with single,
// the complete file is one. Items have no context. All have the given time, which may be zero, and
// keep the order of the file.
func ReadText(r io.Reader, name string, single bool, when time.Time, lim Limits) ([]Item, error) {
	s := newSource(r, name, lim)
	c := &collector{s: s}
	var item strings.Builder
	flush := func() error {
		text := strings.TrimSpace(item.String())
		item.Reset()
		if text == "" {
			return nil
		}
		return c.add(Item{Text: text, Time: when.UTC()})
	}
	for {
		line, err := s.next()
		if err == nil && (single || len(bytes.TrimSpace(line)) > 0) {
			if item.Len()+len(line) > s.lim.Line {
				return nil, s.tooLong()
			}
			item.Write(line)
			item.WriteByte('\n')
			continue
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if ferr := flush(); ferr != nil {
			return nil, ferr
		}
		if err == io.EOF {
			return c.done()
		}
	}
}
