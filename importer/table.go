package importer

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

// textNames are the usual names of the column or key with the text, best first.
var textNames = []string{"text", "body", "content", "contents", "message", "full_text", "post", "comment", "entry",
	"note", "selftext", "description", "texte", "texto", "testo", "nachricht", "mensaje", "mensagem", "messaggio",
	"inhalt", "contenu", "contenido", "conteúdo", "bericht", "tekst", "текст", "сообщение", "本文", "正文", "内容"}

var (
	timeNames = set("time", "date", "timestamp", "created_at", "createdat", "created_utc", "created", "published",
		"sent", "datum", "fecha", "data", "datetime", "дата", "日付", "日期", "creationdate")
	senderNames = set("sender", "author", "from", "speaker", "username", "sender_name", "sender name", "from_name",
		"author_name", "absender", "autor", "auteur", "autore", "remitente", "remetente", "mittente", "expéditeur",
		"afzender", "отправитель", "автор", "送信者", "发件人")
	subjectNames = set("subject", "betreff", "asunto", "assunto", "objet", "oggetto", "onderwerp")
)

// pick returns the index of the text column, or -1. An exact name has precedence over one that
// differs in case.
func pick(columns []string, wanted string) int {
	names := textNames
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		for i, c := range columns {
			if c == name {
				return i
			}
		}
		for i, c := range columns {
			if strings.EqualFold(c, name) {
				return i
			}
		}
	}
	return -1
}

// maxCells bounds the cells that begin in one line of a table.
const maxCells = 100_000

// table imports CSV or TSV whose first row names the columns.
func (in *input) table(f file, text string) error {
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	comma, skipped := rune(0), 0
	if m := sepLine.FindStringSubmatch(text); m != nil {
		comma, text, skipped = []rune(strings.ReplaceAll(m[1], `\t`, "\t"))[0], text[len(m[0]):], 1
	}
	for strings.HasPrefix(text, "\n") || strings.HasPrefix(text, "\r\n") {
		text, skipped = text[strings.IndexByte(text, '\n')+1:], skipped+1
	}
	if comma == 0 {
		comma = separator(text)
	}
	if comma == '"' || comma == '\r' || comma == '\n' || comma == 0xfffd {
		comma = ','
	}
	number := skipped
	for line := range strings.SplitSeq(text, "\n") { // csv.Reader has no limit
		if number++; strings.Count(line, string(comma)) > maxCells {
			return fault.New(fault.TooLarge, f.name, fmt.Sprintf("line %d", number), "has too many cells").
				WithLimit("%d", maxCells).WithRemedy("export a table with fewer columns")
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	header, err := r.Read()
	if err == io.EOF {
		return fault.New(fault.Missing, f.name, "", "holds no row").
			WithRemedy("add a row with the names of the columns")
	}
	if err != nil {
		return fault.New(fault.Malformed, f.name, "line 1", "cannot be read").WithCause(err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	chat := slices.ContainsFunc(header, func(name string) bool { return senderNames[strings.ToLower(name)] })
	wanted := in.o.textColumn(f)
	column := pick(header, wanted)
	if column < 0 {
		shown := prose.OneLine(strings.Join(header, ", "), 200)
		if !f.archived {
			in.ask(f, "table "+f.name, header)
		}
		if wanted != "" {
			return fault.New(fault.Missing, f.name, "", "no column is named %s", fault.Quote(wanted)).
				WithRemedy("use one of: %s", shown)
		}
		return fault.New(fault.Missing, f.name, "", "no column is named text").
			WithRemedy("%s; the columns are: %s", in.columnHint("column", " NAME"), shown)
	}
	rows := 0
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		line := skipped + 1
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			in.leave("the row is not valid CSV", fmt.Sprintf("%s: line %d", f.name, skipped+parse.Line))
			continue
		}
		if err != nil {
			return unreadable(f, err)
		}
		if n, _ := r.FieldPos(0); n > 0 {
			line = skipped + n
		}
		place := fmt.Sprintf("%s: line %d", f.name, line)
		if rows++; rows > in.lim.Messages {
			return fault.New(fault.TooLarge, f.name, "", "the table has too many rows").
				WithLimit("%d", in.lim.Messages).
				WithRemedy("split it into several files")
		}
		if len(row) > len(header) {
			in.leave("the row has more cells than the first row", place)
			continue
		}
		if column >= len(row) {
			in.leave("has no text", place)
			continue
		}
		m := message{conversation: "table " + f.name, place: place, text: row[column], thread: chat}
		for i, cell := range row {
			if i != column {
				in.cell(&m, header[i], cell)
			}
		}
		in.add(m)
	}
}

var sepLine = regexp.MustCompile(`(?i)\A"?sep=(\\t|[^\r\n"])"?\r?\n`)

// cell takes a cell, or the value of a key, next to the text.
func (in *input) cell(m *message, name, value string) {
	lower := strings.ToLower(name)
	switch {
	case strings.TrimSpace(value) == "":
	case senderNames[lower] && m.sender == (person{}):
		m.sender = person{name: prose.OneLine(value, 200)}
	case lower == "id" && m.id == "":
		m.id = prose.OneLine(value, 200)
	case timeNames[lower] && m.time.IsZero():
		t, ok := prose.ParseTime(value)
		if !ok {
			in.note("the time is not understood; the text is imported without it; write it as 2024-05-17T12:00:00Z",
				m.place)
			return
		}
		m.time = t
	case subjectNames[lower] && m.subject == "":
		m.subject = value
	case lower == "to" && m.to == "":
		m.to = value
	default:
		m.fields = append(m.fields, history.Field{Name: name, Value: value})
	}
}

// separator finds the separator of a table: the one that is most frequent outside quotes in the
// first row.
func separator(text string) rune {
	counts := map[rune]int{}
	quoted := false
	for _, c := range text[:min(len(text), 64<<10)] {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' {
			break
		}
		counts[c]++
	}
	best := ','
	for _, c := range []rune{';', '\t', '|'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// jsonl imports a file with one JSON object per line: an item, a chat with a model, or a record of
// a social network.
func (in *input) jsonl(f file, text string) error {
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		place := fmt.Sprintf("%s: line %d", f.name, number)
		if err := in.jsonLine(f, place, number, line); err != nil {
			in.leaveFault(err, place)
		}
	}
	return nil
}

func (in *input) jsonLine(f file, place string, number int, line string) error {
	field := fmt.Sprintf("line %d", number)
	if err := checkLists(f, []byte(line)); err != nil {
		return err
	}
	if line[0] == '[' && number == 1 && jsonValid(line) {
		return in.jsonList(f, []byte(line))
	}
	var o object
	if err := json.Unmarshal([]byte(line), &o); err != nil || o == nil {
		f := fault.New(fault.Malformed, f.name, field, "is not an item in JSON").
			WithRemedy(`write {"context": {…}, "text": "…", "time": "…"}`)
		if err != nil {
			f = f.WithCause(err)
		}
		return f
	}
	switch {
	case o.has("mapping"):
		in.chatGPT(f, o, place)
	case in.isTurns(o.list("messages")) || in.isTurns(o.list("conversations")) || o.has("chat_messages"):
		in.turns(f, o, place)
	case in.bluesky(f, o, place):
	default:
		return in.jsonItem(f, place, o, []byte(line))
	}
	return nil
}

// itemKey returns the key with the text of an item, or "".
func (in *input) itemKey(f file, o object) string {
	keys := textNames
	if wanted := in.o.textColumn(f); wanted != "" {
		keys = []string{wanted}
	}
	for _, k := range keys {
		if raw, ok := o[k]; ok && len(raw) > 0 && raw[0] == '"' {
			return k
		}
	}
	return ""
}

// jsonItem imports an item: a text with its context, as core/history writes it. raw is the object
// as it is written.
func (in *input) jsonItem(f file, place string, o object, raw []byte) error {
	key := in.itemKey(f, o)
	if key == "" {
		in.askKey(f, o)
		where := strings.TrimPrefix(strings.TrimPrefix(place, f.name), ": ")
		return fault.New(fault.Missing, f.name, where, "has no text").
			WithRemedy(`write {"context": {…}, "text": "…", "time": "…"}, or %s`, in.columnHint("key", ""))
	}
	m := message{conversation: "items " + f.name, place: place, text: o.str(key)}
	skip := map[string]bool{key: true}
	if c := o["context"]; len(c) > 0 {
		skip["context"] = true
		if c[0] == '{' {
			m.fields = fieldsOf(c, nil)
		} else {
			m.fields = append(m.fields, history.Field{Name: "context", Value: scalar(c)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) { // such as the creator of Google Chat
		if who := o.object(name); who != nil && m.sender == (person{}) &&
			(senderNames[strings.ToLower(name)] || name == "creator" || name == "user") {
			m.sender = person{name: cmp.Or(who.str("name"), who.str("display_name"), who.str("username"),
				who.str("email"), who.str("id"))}
		}
	}
	context := m.fields
	m.fields = nil
	for _, field := range fieldsOf(raw, skip) {
		in.cell(&m, field.Name, field.Value)
	}
	// The written order of the context is the order of the prompt: no field is moved to the front.
	m.fields = append(context, append(named(&m), m.fields...)...)
	in.add(m)
	return nil
}

// named takes the fields to and subject of a message back as context fields.
func named(m *message) (out []history.Field) {
	out = append(out, history.Field{Name: "to", Value: m.to}, history.Field{Name: "subject", Value: m.subject})
	m.to, m.subject = "", ""
	return out
}

func set(words ...string) map[string]bool {
	out := map[string]bool{}
	for _, w := range words {
		out[w] = true
	}
	return out
}
