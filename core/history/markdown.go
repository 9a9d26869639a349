package history

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"nextquill/core/fault"
)

// ReadMarkdown reads every .md and .markdown file of a folder and its subfolders as one item. The
// body is the text; the keys of the front matter are context fields. The time is the date in the
// front matter, or a date at the start of the file name (2024-05-17-title.md), or the modification
// time. Names that start with a dot are skipped.
func ReadMarkdown(fsys fs.FS, name string, lim Limits) ([]Item, error) {
	lim = lim.orDefault()
	c := &collector{s: &source{name: name, lim: lim}}
	var read int64
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() != "." && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		ext := strings.ToLower(path.Ext(file))
		if !d.Type().IsRegular() || ext != ".md" && ext != ".markdown" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		c.s = &source{name: path.Join(name, file), lim: lim, line: 1}
		if info.Size() > int64(lim.Line) {
			return c.s.tooLong()
		}
		if read += info.Size(); read > lim.File {
			return fault.New(fault.TooLarge, name, "", "the texts of the folder are too large").
				WithLimit("%d bytes", lim.File).WithRemedy("import fewer files")
		}
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		it, err := c.s.markdownItem(string(data), file, info.ModTime())
		if err != nil {
			return err
		}
		return c.add(it)
	})
	if err != nil {
		if fault.KindOf(err) == "" {
			kind := fault.Storage
			if errors.Is(err, fs.ErrNotExist) {
				kind = fault.Missing
			}
			err = fault.New(kind, c.s.name, "", "cannot be read").WithCause(err)
		}
		return nil, err
	}
	c.s.name = name
	return c.done()
}

// dateInName returns the date at the start of a file name, or the zero time.
func dateInName(name string) time.Time {
	const layout = "2006-01-02"
	t, err := time.Parse(layout, name[:min(len(name), len(layout))])
	if err != nil {
		return time.Time{}
	}
	t, _ = inRange(t)
	return t
}

func (s *source) markdownItem(data, file string, changed time.Time) (Item, error) {
	data = strings.ReplaceAll(strings.TrimPrefix(data, "\ufeff"), "\r\n", "\n")
	if at := invalidByte(data); at >= 0 {
		s.line = 1 + strings.Count(data[:at], "\n")
		column := at - strings.LastIndexByte(data[:at], '\n')
		return Item{}, s.fault(fault.Malformed, "byte %d: 0x%02x is not UTF-8", column, data[at]).WithRemedy(utf8Remedy)
	}
	front, body := frontMatter(data)
	it := Item{Text: strings.TrimSpace(body)}
	for _, f := range front {
		if strings.EqualFold(f.Name, "date") || strings.EqualFold(f.Name, "time") {
			t, ok := parseTime(f.Value)
			if !ok {
				return it, s.badTime(f.Value)
			}
			it.Time = t
			continue
		}
		it.Context = append(it.Context, f)
	}
	if it.Time.IsZero() {
		it.Time = dateInName(path.Base(file))
	}
	if it.Time.IsZero() && !changed.IsZero() {
		it.Time = changed.UTC()
	}
	return it, nil
}

// frontMatter separates the lines between two --- at the top from the body. It supports the YAML
// that front matter uses: "key: value", quotes, lists in both styles (joined with commas), and
// values that continue on indented lines. Keys without a value are skipped. Without a second ---
// there is no front matter, and the first is a rule in the text.
func frontMatter(data string) ([]Field, string) {
	rest, ok := strings.CutPrefix(data, "---\n")
	if !ok {
		return nil, data
	}
	var head, body string
	if body, ok = strings.CutPrefix(rest, "---\n"); !ok {
		if head, body, ok = strings.Cut(rest, "\n---\n"); !ok {
			if head, ok = strings.CutSuffix(rest, "\n---"); !ok {
				return nil, data
			}
			body = ""
		}
	}
	var fields []Field
	for line := range strings.SplitSeq(head, "\n") {
		trimmed := strings.TrimSpace(line)
		item, listed := strings.CutPrefix(trimmed, "- ")
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case (listed || trimmed != line && line[0] != trimmed[0]) && len(fields) > 0:
			last := &fields[len(fields)-1]
			if last.Value != "" && listed {
				last.Value += ", "
			} else if last.Value != "" {
				last.Value += " "
			}
			last.Value += unquote(item)
		default:
			key, value, _ := strings.Cut(trimmed, ":")
			value = strings.TrimSpace(value)
			if value == "|" || value == ">" || value == "|-" || value == ">-" {
				value = ""
			}
			if inner, ok := strings.CutPrefix(value, "["); ok {
				var parts []string
				for part := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
					parts = append(parts, unquote(part))
				}
				value = strings.Join(parts, ", ")
			}
			fields = append(fields, Field{unquote(key), unquote(value)})
		}
	}
	kept := fields[:0]
	for _, f := range fields {
		if f.Name != "" && f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept, body
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
