package importer

import (
	"strings"

	"nextquill/importer/prose"
)

// markdown imports a note as one item. The keys of the front matter are context. The time is the
// date of the front matter, or a date at the start of the file name, or the modification time.
func (in *input) markdown(f file, text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	front, body := prose.FrontMatter(text)
	m := message{place: f.name, text: prose.PlainMarkdown(body)}
	for _, field := range front {
		switch strings.ToLower(field.Name) {
		case "date", "time", "created", "published":
			if !m.time.IsZero() {
				continue
			}
			t, ok := prose.ParseTime(field.Value)
			switch {
			case ok:
				m.time = t
			case strings.Contains(field.Value, "{{") || strings.Contains(field.Value, "<%"):
				in.leave("a template", f.name)
				return
			default:
				in.note("the time is not understood; the text is imported without it; write it as 2024-05-17T12:00:00Z",
					f.name)
			}
			continue
		}
		m.fields = append(m.fields, field)
	}
	if m.time.IsZero() {
		m.time = prose.DateInName(f.base())
	}
	if m.time.IsZero() {
		m.time = f.modified
	}
	in.add(m)
}
