package history

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"nextquill/core/fault"
)

// ReadCSV reads a table whose first row names the columns: text (required), time and id; all others
// are context fields, in their order. Empty cells are skipped. The separator is the comma,
// semicolon or tab, whichever is most frequent in the first row.
func ReadCSV(r io.Reader, name string, lim Limits) ([]Item, error) {
	s := newSource(r, name, lim)
	reader := csv.NewReader(s.r)
	first, _ := s.r.Peek(4096)
	reader.Comma = separator(string(first))
	header, err := s.row(reader)
	if err == io.EOF {
		return (&collector{s: s}).done()
	}
	if err != nil {
		return nil, err
	}
	textColumn := -1
	for i, column := range header {
		header[i] = strings.TrimSpace(column)
		if strings.EqualFold(header[i], "text") {
			textColumn = i
		}
	}
	if textColumn < 0 {
		return nil, s.fault(fault.Missing, "no column is named text").
			WithRemedy("name the columns in the first row, the texts' column text")
	}
	c := &collector{s: s}
	for {
		row, err := s.row(reader)
		if err == io.EOF {
			return c.done()
		}
		if err != nil {
			return nil, err
		}
		it, err := s.csvItem(header, row)
		if err == nil {
			err = c.add(it)
		}
		if err != nil {
			return nil, err
		}
	}
}

func separator(s string) rune {
	line, _, _ := strings.Cut(s, "\n")
	best := ','
	for _, c := range ";\t" {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

// row reads a row, checks its size and encoding, and sets the line number for faults.
func (s *source) row(reader *csv.Reader) ([]string, error) {
	row, err := reader.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		s.line = bad.Line
		return nil, s.fault(fault.Malformed, "column %d", bad.Column).WithCause(bad.Err).
			WithRemedy("double the quotes inside a cell, and give every row the same number of cells")
	case err != nil:
		return nil, err
	}
	size := 0
	for i, cell := range row {
		line, column := reader.FieldPos(i)
		s.line = line
		if at := invalidByte(cell); at >= 0 {
			return nil, s.fault(fault.Malformed, "byte %d of the cell at byte %d: 0x%02x is not UTF-8",
				at+1, column, cell[at]).WithRemedy(utf8Remedy)
		}
		size += len(cell)
	}
	s.line, _ = reader.FieldPos(0)
	if size > s.lim.Line {
		return nil, s.fault(fault.TooLarge, "the row is too long").WithLimit("%d bytes", s.lim.Line).
			WithRemedy("shorten its texts")
	}
	return row, nil
}

func (s *source) csvItem(header, row []string) (it Item, err error) {
	for i, cell := range row {
		switch name := header[i]; {
		case strings.EqualFold(name, "text"):
			it.Text = cell
		case strings.TrimSpace(cell) == "":
		case strings.EqualFold(name, "id"):
			it.ID = cell
		case strings.EqualFold(name, "time"):
			var ok bool
			if it.Time, ok = parseTime(cell); !ok {
				return it, s.badTime(cell)
			}
		default:
			it.Context = append(it.Context, Field{name, cell})
		}
	}
	return it, nil
}
