package importer

import (
	"maps"
	"slices"

	"nextquill/importer/prose"
)

// table is a file that has no column, or key, of a usual name.
type table struct {
	file         string
	conversation string // of its messages, if another part of the file has texts
	columns      []string
}

// maxColumns bounds the columns that are offered, and maxTables the files.
const (
	maxColumns = 100
	maxTables  = 1000
)

// columnHint says how to choose a column or a key: with a flag, or on a page that offers them.
func (in *input) columnHint(what, value string) string {
	if in.collect {
		return "choose the " + what + " of the texts"
	}
	return "name the " + what + " of the texts with --text-column" + value
}

// ask offers the columns of a file as the one with the texts.
func (in *input) ask(f file, conversation string, columns []string) {
	if !in.collect || len(in.tables) == maxTables {
		return
	}
	t := table{file: f.name, conversation: conversation}
	for _, c := range columns {
		// A column is chosen by its name, so only complete names can be offered.
		if c != "" && prose.OneLine(c, 200) == c && !slices.Contains(t.columns, c) && len(t.columns) < maxColumns {
			t.columns = append(t.columns, c)
		}
	}
	asked := func(other table) bool { return other.file == f.name }
	if len(t.columns) > 0 && !slices.ContainsFunc(in.tables, asked) {
		in.tables = append(in.tables, t)
	}
}

// askKey offers the keys of a JSON object that have a text.
func (in *input) askKey(f file, o object) {
	if !f.named {
		return // most JSON of an archive has no texts of the person
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if raw := o[key]; len(raw) > 0 && raw[0] == '"' {
			keys = append(keys, key)
		}
	}
	in.ask(f, "items "+f.name, keys)
}

// openTables are the files that have no text for want of a column, those with equal columns
// together.
func (in *input) openTables() []Table {
	found := map[string]bool{}
	for _, m := range in.messages {
		found[m.conversation] = true
	}
	var out []Table
	for _, t := range in.tables {
		if found[t.conversation] {
			continue
		}
		same := func(other Table) bool { return slices.Equal(other.Columns, t.columns) }
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].Files = append(out[i].Files, t.file)
			continue
		}
		out = append(out, Table{Files: []string{t.file}, Columns: t.columns})
	}
	return out
}
