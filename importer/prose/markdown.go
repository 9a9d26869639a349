package prose

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"nextquill/core/history"
)

var nameDate = regexp.MustCompile(`^(\d{4})[-_. ]?(\d{2})[-_. ]?(\d{2})(?:\D|$)`)

// DateInName returns the date at the start of a file name, or the zero time.
func DateInName(name string) time.Time {
	m := nameDate.FindStringSubmatch(name)
	if m == nil {
		return time.Time{}
	}
	t, err := time.Parse("2006-01-02", m[1]+"-"+m[2]+"-"+m[3])
	if err != nil || t.Year() < 1900 {
		return time.Time{}
	}
	return t
}

var (
	comments   = regexp.MustCompile(`(?s)%%.*?%%|<!--.*?-->`)
	embeds     = regexp.MustCompile(`!\[\[[^\[\]\n]*\]\]|!\[[^\[\]\n]*\]\([^()\n]*\)`)
	wikiLinks  = regexp.MustCompile(`\[\[([^\[\]|\n]*)(?:\|([^\[\]\n]*))?\]\]`)
	textLinks  = regexp.MustCompile(`\[([^\[\]\n]+)\]\((?:[^()\n]|\([^()\n]*\))*\)`)
	checkboxes = regexp.MustCompile(`(?m)^(\s*)(?:[-*+]|\d+[.)]) \[[ xX/><!?-]\] +`)
	blockIDs   = regexp.MustCompile(`(?m)[ \t]+\^[A-Za-z0-9-]+$`)
	callouts   = regexp.MustCompile(`(?m)^(\s*>\s*)\[![\w-]+\][-+]?[ \t]*`)
	blankLines = regexp.MustCompile(`\n{3,}`)
)

// queries are the languages of code blocks that programs fill in: they are no words of the person.
var queries = []string{"dataview", "dataviewjs", "query", "tasks", "templater", "button", "mermaid", "meta-bind",
	"chart", "tracker", "excalidraw", "kanban"}

// PlainMarkdown makes plain words of links, checkboxes and the marks of Obsidian. Other Markdown
// stays as written. Code blocks are unchanged, except queries, which go.
func PlainMarkdown(s string) string {
	var out, prose strings.Builder
	write := func(b *strings.Builder, line string) {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	flush := func() {
		out.WriteString(plainProse(prose.String()))
		prose.Reset()
	}
	fence, drop := "", false
	for line := range strings.SplitSeq(s, "\n") {
		trimmed := strings.TrimLeft(line, " \t")
		mark := fenceOf(trimmed)
		switch {
		case fence == "" && mark != "":
			flush()
			fence = mark
			language := strings.ToLower(strings.TrimSpace(strings.TrimLeft(trimmed, "`~")))
			language, _, _ = strings.Cut(language, " ")
			if drop = slices.Contains(queries, language); !drop {
				write(&out, line)
			}
		case fence != "":
			if !drop {
				write(&out, line)
			}
			if strings.HasPrefix(mark, fence) && strings.Trim(trimmed, "`~ \t") == "" {
				fence = ""
			}
		default:
			write(&prose, line)
		}
	}
	flush()
	return blankLines.ReplaceAllString(strings.TrimSpace(out.String()), "\n\n")
}

// fenceOf returns the run of backquotes or tildes that starts a line, if it is a fence.
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, c))
		if n >= 3 {
			return line[:n]
		}
	}
	return ""
}

func plainProse(s string) string {
	s = comments.ReplaceAllString(s, "")
	s = embeds.ReplaceAllString(s, "")
	s = wikiLinks.ReplaceAllStringFunc(s, func(m string) string {
		part := wikiLinks.FindStringSubmatch(m)
		if part[2] != "" {
			return part[2]
		}
		return strings.NewReplacer("#^", " ", "#", " ").Replace(strings.TrimLeft(part[1], "#^"))
	})
	s = textLinks.ReplaceAllString(s, "$1")
	s = checkboxes.ReplaceAllString(s, "$1")
	s = callouts.ReplaceAllString(s, "$1")
	return blockIDs.ReplaceAllString(s, "")
}

// FrontMatter separates the head of a note from its body: YAML between two lines ---, TOML between
// two lines +++, or a JSON object. White space behind the marks and blank lines before the head are
// allowed. A head without any key is text.
func FrontMatter(s string) ([]history.Field, string) {
	rest := s
	for rest != "" {
		line, more, _ := strings.Cut(rest, "\n")
		if strings.TrimSpace(line) != "" {
			break
		}
		rest = more
	}
	lines := strings.SplitAfterN(rest, "\n", maxHeadLines)
	mark := strings.TrimRight(lines[0], " \t\n")
	if strings.HasPrefix(mark, "{") {
		if fields, body, ok := jsonFields(rest); ok {
			return fields, body
		}
	}
	if mark != "---" && mark != "+++" {
		return nil, s
	}
	for i := 1; i < len(lines); i++ {
		line, _, _ := strings.Cut(lines[i], "\n") // the last one has the rest of the text
		end := strings.TrimRight(line, " \t")
		if end != mark && (mark != "---" || end != "...") {
			continue
		}
		head, body := strings.Join(lines[1:i], ""), strings.Join(lines[i+1:], "")
		if strings.TrimSpace(head) == "" && i == 1 {
			return nil, body
		}
		var fields []history.Field
		ok := false
		if mark == "---" {
			fields, ok = yamlFields(head)
		} else {
			fields, ok = tomlFields(head)
		}
		if !ok {
			return nil, s
		}
		return fields, body
	}
	return nil, s
}
