package importer

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/importer/prose"
)

func TestTables(t *testing.T) {
	for name, content := range map[string]string{
		"comma":          "text,tag\n\"Eins, zwei\",a\n",
		"semicolon":      "text;tag\nEins, zwei;a\n",
		"tab":            "text\ttag\r\nEins, zwei\ta\r\n",
		"sep":            "sep=;\r\ntext;tag\r\nEins, zwei;a\r\n",
		"carriage":       "text;tag\rEins, zwei;a\r",
		"quoted heading": "text,\"tag; or; what\"\n\"Eins, zwei\",a\n",
		"mark":           "\ufefftext,tag\n\"Eins, zwei\",a\n",
		"body":           "tag,Body\na,\"Eins, zwei\"\n",
		"Portuguese":     "tag;Mensagem\na;Eins, zwei\n",
		"short row":      "text,tag,more\n\"Eins, zwei\",a\n",
		"stray quote":    "text;tag\nEins, zwei;a \"b\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, "t.csv", content, Options{})
			require.Equal(t, []string{"Eins, zwei"}, texts(r))
			require.NotEmpty(t, r.Items[0].Context)
		})
	}
	r := read(t, "t.csv", "id,text,date\n1,A,2024-03-25\n1,B,20240326\n2,C,45429\n3,,x\n4,D,E,F,G\n1,A,2024-03-25\n",
		Options{})
	require.Equal(t, []string{"A", "B", "C"}, texts(r))
	require.Equal(t, "1", r.Items[0].ID)
	require.NotEqual(t, "1", r.Items[1].ID, "the same id with another text is another text")
	require.Equal(t, "2024-03-26", r.Items[1].Time.Format(time.DateOnly))
	require.True(t, r.Items[2].Time.IsZero())
	require.Len(t, r.Notes, 1)
	require.Equal(t, map[string]int{"has no text": 1, "the row has more cells than the first row": 1,
		"a copy of an earlier item": 1}, left(r))

	_, err := Read(strings.NewReader("a,b\n1,2\n"), 8, "t.csv", when, Options{})
	require.ErrorIs(t, err, fault.Missing)
	require.ErrorContains(t, err, "--text-column NAME; the columns are: a, b")
	require.Equal(t, []string{"2"}, texts(read(t, "t.csv", "a,b\n1,2\n", Options{TextColumn: "B"})))
	require.Equal(t, []string{"x"}, texts(read(t, "t.csv", "text,Text\nx,y\n", Options{})))
}

// TestTableCells: names of columns ignore case, empty cells are dropped, quotes keep line breaks.
func TestTableCells(t *testing.T) {
	for _, sep := range []string{",", ";", "\t"} {
		in := "Subject,TEXT,Time,id,mood\n" + "lunch,\"a \"\"b\"\"\nc\",2024-05-17,7,\n" + ",\"x\",,,ok\n"
		r := read(t, "f.csv", strings.ReplaceAll(in, ",", sep), Options{})
		require.Equal(t, []history.Item{
			{ID: "7", Context: []history.Field{{Name: "subject", Value: "lunch"}}, Text: "a \"b\"\nc",
				Time: time.Date(2024, 5, 17, 0, 0, 0, 0, time.UTC)},
			{ID: r.Items[1].ID, Context: []history.Field{{Name: "mood", Value: "ok"}}, Text: "x"},
		}, r.Items)
		require.NotEmpty(t, r.Items[1].ID)
	}
}

// TestParagraphs: each paragraph of a plain text is an item of the file's modification time.
func TestParagraphs(t *testing.T) {
	r := read(t, "f.txt", "one\ntwo\r\n\r\n  \nthree\n\n", Options{})
	require.Equal(t, []string{"one\ntwo", "three"}, texts(r))
	require.Equal(t, when, r.Items[0].Time)
	require.Equal(t, when, r.Items[1].Time)
}

// TestImperfectFiles: what a file lacks costs one row, time or field, not the import, and the
// result names the place.
func TestImperfectFiles(t *testing.T) {
	const noTime = "the time is not understood; the text is imported without it; write it as 2024-05-17T12:00:00Z"
	for _, c := range []struct {
		name, file, content string
		texts               []string
		left, notes         []LeftOut
	}{
		{"row without text", "h.csv", "text,a\nx,1\n,1\n", []string{"x"},
			[]LeftOut{{Reason: "has no text", Count: 1, Places: []string{"h.csv: line 3"}}}, nil},
		{"short row without text", "h.csv", "a,text\n1,x\n2\n", []string{"x"},
			[]LeftOut{{Reason: "has no text", Count: 1, Places: []string{"h.csv: line 3"}}}, nil},
		{"open quote", "h.csv", "text,a\nx,1\n\"y\n\nz", []string{"x", "y\n\nz"}, nil, nil},
		{"cell in windows-1252", "h.csv", "text,a\nx,1\ny,\"b\xff\"\n", []string{"x", "y"}, nil, nil},
		{"time of a row", "h.csv", "text,time\nx,soon\n", []string{"x"}, nil,
			[]LeftOut{{Reason: noTime, Count: 1, Places: []string{"h.csv: line 2"}}}},
		{"long cell", "h.csv", "text\nx\n" + strings.Repeat("y", 2000), []string{"x"},
			[]LeftOut{{Reason: "the text is too long; split it into several files", Count: 1,
				Places: []string{"h.csv: line 3"}}}, nil},
		{"long paragraph", "h.txt", "x\n\n" + strings.Repeat("ab\n", 400), []string{"x"},
			[]LeftOut{{Reason: "the text is too long; split it into several files", Count: 1,
				Places: []string{"h.txt"}}}, nil},
		{"text in windows-1252", "h.txt", "a\n\xe9", []string{"a\né"}, nil, nil},
		{"note in windows-1252", "b.md", "a\nb\xff", []string{"a\nbÿ"}, nil, nil},
		{"time of a note", "b.md", "---\ndate: soon\n---\nx", []string{"x"}, nil,
			[]LeftOut{{Reason: noTime, Count: 1, Places: []string{"b.md"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := read(t, c.file, c.content, Options{Limits: Limits{Text: 1000}})
			require.Equal(t, c.texts, texts(r))
			require.Equal(t, c.left, r.LeftOut)
			require.Equal(t, c.notes, r.Notes)
		})
	}
	r := read(t, "h.csv", "text,a,a\nx,1,2\n", Options{})
	require.Equal(t, []history.Field{{Name: "a", Value: "1"}}, r.Items[0].Context, "the first of two columns counts")

	for name, content := range map[string]string{
		"empty.csv": "", "heading.csv": "text\n", "blank.txt": " \n", "blank.md": " ",
	} {
		_, err := Read(strings.NewReader(content), int64(len(content)), name, when, Options{})
		require.ErrorIs(t, err, fault.Missing, name)
		require.ErrorContains(t, err, name+": holds no text", name)
	}
	long := strings.Repeat("x", 2000)
	_, err := Read(strings.NewReader(long), 2000, "b.md", when, Options{Limits: Limits{Text: 1000}})
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "b.md: the text is too long (limit 1000 bytes)")
}

// broken is a file whose device fails.
type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("cable pulled") }

func TestFailingDeviceIsReported(t *testing.T) {
	for _, name := range []string{"h.csv", "h.txt", "h.md", "h.jsonl"} {
		_, err := Read(broken{}, 10, name, when, Options{})
		require.ErrorIs(t, err, fault.Storage, name)
	}
}

// endless is a folder with one file that never ends, whatever size it declares.
type endless struct{ fs.FS }

type endlessFile struct{ fs.File }

func (e endless) Open(name string) (fs.File, error) {
	f, err := e.FS.Open(name)
	if err == nil && name != "." {
		f = endlessFile{f}
	}
	return f, err
}

func (endlessFile) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestEndlessInputIsStopped(t *testing.T) {
	for _, name := range []string{"h.csv", "h.txt", "h.md", "h.jsonl"} {
		_, err := ReadFS(endless{folder(map[string]string{name: "x"})}, "f", Options{Limits: Limits{File: 1 << 20}})
		require.ErrorIs(t, err, fault.TooLarge, name)
	}
}

func TestTimes(t *testing.T) {
	for s, want := range map[string]string{
		"20240517": "2024-05-17T00:00:00Z", "202405171200": "2024-05-17T12:00:00Z",
		"20240517120001": "2024-05-17T12:00:01Z", "2024": "2024-01-01T00:00:00Z", "1715947200": "2024-05-17T12:00:00Z",
		"1715947200000": "2024-05-17T12:00:00Z", "1715947200000000": "2024-05-17T12:00:00Z",
		"2024-05-17 12:00:00 +0200": "2024-05-17T10:00:00Z", "17.05.2024": "2024-05-17T00:00:00Z",
		"17/05/2024": "2024-05-17T00:00:00Z", "5/17/2024": "2024-05-17T00:00:00Z",
		"5/17/2024 9:07:09 PM": "2024-05-17T21:07:09Z", "17/05/2024 9:07 PM": "2024-05-17T21:07:00Z",
		"Fri, 17 May 2024 12:00:00 +0200": "2024-05-17T10:00:00Z",
		"2024-05-17T12:00:00.5+02:00":     "2024-05-17T10:00:00Z",
	} {
		got, ok := prose.ParseTime(s)
		require.True(t, ok, s)
		require.Equal(t, want, got.UTC().Format(time.RFC3339), s)
	}
	for _, s := range []string{"", "45429", "45430.5", "99999999.5", "05/06/2024", "soon", "NaN", "Inf", "1e30",
		"2024-13-40"} {
		_, ok := prose.ParseTime(s)
		require.False(t, ok, s)
	}
}

func TestJSONItems(t *testing.T) {
	r := read(t, "a.jsonl", `{"id":"x","context":{"subject":"s","to":"Bo"},"text":"Eins","time":"2024-05-17"}`+"\n\n"+
		`{"text":"Zwei","time":1715947200,"mood":"good","n":null}`+"\n{\"text\":5}\nnot json\n{\"body\":\"Drei\"}\n",
		Options{})
	require.Equal(t, []string{"Eins", "Zwei", "Drei"}, texts(r))
	require.Equal(t, []history.Field{{Name: "subject", Value: "s"}, {Name: "to", Value: "Bo"}}, r.Items[0].Context)
	require.Equal(t, []history.Field{{Name: "mood", Value: "good"}}, r.Items[1].Context)
	require.Len(t, r.LeftOut, 2)
	require.Equal(t, []string{"a.jsonl: line 5"}, r.LeftOut[1].Places)
	require.Equal(t, []string{"Eins", "Zwei"},
		texts(read(t, "a.json", `[{"text":"Eins"},{"text":"Zwei"},{"x":1}]`, Options{})))
	require.Equal(t, []string{"Eins"}, texts(read(t, "a.json", `["Eins"]`, Options{})))
	require.Equal(t, []string{"q"}, texts(read(t, "a.json", `[{"frage":"q"}]`, Options{TextColumn: "frage"})))
	require.Equal(t, []string{"Eins", "Zwei"},
		texts(read(t, "a.json", `{"count":2,"data":[{"text":"Eins"},{"text":"Zwei"}]}`, Options{})))
	for _, c := range []string{`{"a":1}`, `{"a":[{"b":1}]}`, `[1]`, `{"text":`, `nonsense`} {
		_, err := Read(strings.NewReader(c), int64(len(c)), "a.json", when, Options{})
		require.NotEmpty(t, fault.KindOf(err), c)
	}
}

// TestExchange: what the importer makes can be written and read as JSONL.
func TestExchange(t *testing.T) {
	r := read(t, "a.mbox", mailbox1, me("ana@a.example"))
	var b strings.Builder
	require.NoError(t, history.WriteJSONL(&b, r.Items))
	back, err := history.ReadJSONL(strings.NewReader(b.String()), "x", history.Limits{})
	require.NoError(t, err)
	require.Equal(t, r.Items, back)
	require.Equal(t, texts(r), texts(read(t, "x.jsonl", b.String(), Options{})))
}

func TestMarkdownFolders(t *testing.T) {
	r := readFolder(t, map[string]string{
		"a/yaml.md": "--- \ntitle: \"A: b\"\ndate: 2024-05-17 12:00:00 +0200\n" +
			"tags: [x,\n  y]\nempty:\n---  \nBody.\n",
		"a/toml.md": "+++\ntitle = \"T\"\ndate = 2024-05-17\ntags = [\"x\", \"y\"]\n+++\nBody.\n",
		"a/json.md": "{\n \"title\": \"T\", \"date\": \"2024-05-17\", \"tags\": [\"x\", \"y\"], " +
			"\"o\": {}\n}\nBody.\n",
		"a/jsontext.md":      "{\"not\": \"a head\"} Body.\n",
		"a/blank.md":         "\n\n---\ntitle: x\n---\nBody.\n",
		"a/rule.md":          "---\n\nOne.\n\n---\n\nTwo.\n",
		"a/open.md":          "---\ntitle: x\nBody.\n",
		"a/broken.md":        "---\ntitle: \"x: [y\nbar\n---\nBody.\n",
		"2024-03-25 Note.md": "Body.\n",
		"Templates/t.md":     "---\ndate: {{date}}\n---\nBody.\n",
		"Templates/empty.md": "---\na: b\n---\n",
		".obsidian/x.json":   "{}",
		"picture.png":        "\x89PNG",
		"package.json":       `{"name":"x"}`,
		"paper.pdf":          "%PDF-1.4",
	}, Options{})
	by := map[string]history.Item{}
	for i, name := range []string{"2024", "blank", "broken", "json", "jsontext", "open", "rule", "toml", "yaml"} {
		by[name] = r.Items[i]
	}
	require.Len(t, r.Items, 9)
	require.Equal(t, `{"not": "a head"} Body.`, by["jsontext"].Text)
	require.Equal(t, "2024-03-25", by["2024"].Time.Format(time.DateOnly))
	require.Equal(t, []history.Field{{Name: "title", Value: "x"}}, by["blank"].Context)
	require.Equal(t, "Body.", by["broken"].Text)
	require.Equal(t, "---\ntitle: x\nBody.", by["open"].Text)
	require.Equal(t, "---\n\nOne.\n\n---\n\nTwo.", by["rule"].Text)
	for _, name := range []string{"toml", "yaml", "json"} {
		require.Equal(t, "x, y", field(by[name], "tags"), name)
		require.Equal(t, "Body.", by[name].Text, name)
	}
	require.Equal(t, "A: b", field(by["yaml"], "title"))
	require.Equal(t, "2024-05-17T10:00:00Z", by["yaml"].Time.Format(time.RFC3339))
	require.Equal(t, "2024-05-17T00:00:00Z", by["toml"].Time.Format(time.RFC3339))
	require.Equal(t, 1, left(r)["a template"])
	require.Equal(t, 1, left(r)["has no text"])
	require.Equal(t, 1, left(r)["not a text format"])
	require.Equal(t, 1, left(r)["not a known kind of JSON"])
	require.Equal(t, 1, left(r)["PDF files are not read; save the document as .docx, .odt, .html or .txt"])
}

// TestFrontMatterLists: YAML of every style that notes use, and the fallbacks of the time.
func TestFrontMatterLists(t *testing.T) {
	r := readFolder(t, map[string]string{
		"a.md": "---\ntitle: \"A day\"\ntags: [sea, 'salt']\nlist:\n  - x\n  - y\n" +
			"long: >\n  one\n  two\nempty:\n# note\ndate: 2024-05-17\n---\n\nBody *text*.\n",
		"sub/2023-01-02-b.markdown": "No front.\r\n\r\n---\r\nA rule.",
		"sub/c.md":                  "---\nno end of it",
		"sub/d.md":                  "---\n---\nempty front",
		".hidden/x.md":              "hidden",
		".x.md":                     "hidden",
	}, Options{})
	require.Equal(t, []string{"Body *text*.", "No front.\n\n---\nA rule.", "---\nno end of it", "empty front"},
		texts(r))
	require.Equal(t, []history.Field{{Name: "title", Value: "A day"}, {Name: "tags", Value: "sea, salt"},
		{Name: "list", Value: "x, y"}, {Name: "long", Value: "one two"}}, r.Items[0].Context)
	require.Equal(t, "2024-05-17", r.Items[0].Time.Format(time.DateOnly))
	require.Equal(t, "2023-01-02", r.Items[1].Time.Format(time.DateOnly))
	require.Equal(t, when, r.Items[2].Time)
	require.Empty(t, r.LeftOut)
}

func TestObsidian(t *testing.T) {
	in := "# Head\n[[Ana]] and [[a/b|the garden]] with [a link](https://x.org/(y)) ![[pic.png]] ![alt](p.png)\n" +
		"- [ ] one\n- [x] two ^abc\n> [!note] Title\n> text\n%% hidden %%\n```dataview\nLIST\n```\n```go\n[[x]]\n```\n"
	require.Equal(t, "# Head\nAna and the garden with a link  \none\ntwo\n> Title\n> text\n\n```go\n[[x]]\n```",
		prose.PlainMarkdown(in))
}

func TestDocuments(t *testing.T) {
	docx := zipOf(t, map[string]string{"[Content_Types].xml": "<x/>",
		"word/document.xml": `<w:document xmlns:w="w"><w:body>
		<w:p><w:r><w:t>Erster </w:t></w:r><w:r><w:t>Absatz</w:t></w:r>` +
			`<w:r><w:rPr><w:vanish/></w:rPr><w:t>weg</w:t></w:r>` +
			`<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>.</w:t></w:r>` +
			`<w:moveFrom><w:r><w:t>weg</w:t></w:r></w:moveFrom>` +
			`<w:del><w:r><w:delText>weg</w:delText><w:t>weg</w:t></w:r></w:del></w:p>
		<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>Zwei</w:t><w:br/><w:t>Zeilen</w:t></w:r></w:p>` +
			`</w:body></w:document>`})
	require.Equal(t, []string{"Erster Absatz.\nZwei\nZeilen"}, texts(read(t, "a.docx", docx, Options{})))
	odt := zipOf(t, map[string]string{"mimetype": "application/vnd.oasis.opendocument.text",
		"content.xml": `<office:document-content
		xmlns:office="o" xmlns:text="t"><office:body><office:text><text:h>Titel</text:h>` +
			`<text:p>Ein <text:span>Satz</text:span>.<text:line-break/>Neu
		<text:note><text:p>Fußnote</text:p></text:note></text:p>` +
			`</office:text></office:body></office:document-content>`})
	require.Equal(t, []string{"Titel\nEin Satz.\nNeu"}, texts(read(t, "a.odt", odt, Options{})))
	require.Equal(t, []string{"Titel\nEin Satz.\nNeu", "Erster Absatz.\nZwei\nZeilen"}, func() []string {
		r := readFolder(t, map[string]string{"a.odt": odt, "b.docx": docx}, Options{})
		return texts(r)
	}())
	html := "<!doctype html><html><head><title>t</title><style>p{}</style></head>" +
		"<body><nav>menu</nav><p>Ein&nbsp;Satz</p></body></html>"
	require.Equal(t, []string{"Ein Satz"}, texts(read(t, "a.html", html, Options{})))
	require.Equal(t, []string{"Ein Satz"}, texts(read(t, "noname", html, Options{})))
}

func TestCharsets(t *testing.T) {
	want := []string{"Grüße – „x“"}
	wide := func(mark string, big bool) string {
		var b strings.Builder
		b.WriteString(mark)
		for _, u := range utf16.Encode([]rune("Grüße – „x“\r\n")) {
			if big {
				b.Write([]byte{byte(u >> 8), byte(u)})
			} else {
				b.Write([]byte{byte(u), byte(u >> 8)})
			}
		}
		return b.String()
	}
	for name, content := range map[string]string{
		"UTF-8": "Grüße – „x“\n", "mark": "\ufeffGrüße – „x“\n", "windows-1252": "Gr\xfc\xdfe \x96 \x84x\x93\n",
		"LE": wide("\xff\xfe", false), "BE": wide("\xfe\xff", true), "LE, no mark": wide("", false),
		"BE, no mark": wide("", true),
	} {
		require.Equal(t, want, texts(read(t, "a.txt", content, Options{})), name)
	}
}

func TestRefusals(t *testing.T) {
	for name, content := range map[string]string{
		"a.pdf": "%PDF-1.7", "a.doc": "x", "a.car": "x", "a.bin": "a\x00\x01\xff", "a.zip": "PK", "b.txt": "%PDF-1.7 x",
		"empty.txt": "", "blank.txt": " \n \n", "a.eml": "hello", "a.docx": "no zip", "a.json": "{",
		"c.zip": "PK\x03\x04 cut off", "sms.xml": `<?xml version="1.0"?><smses><sms body="x"/></smses>`,
		"signal.txt": "[May 17, 2024 12:00] Tom: a\n[May 17, 2024 12:01] Ann: b\n[May 17, 2024 12:02] Tom: c\n",
	} {
		_, err := Read(strings.NewReader(content), int64(len(content)), name, when, Options{})
		require.NotEmpty(t, fault.KindOf(err), name)
		require.ErrorContains(t, err, name)
		require.Contains(t, err.Error(), "; ", name+": says what to do")
	}
	_, err := ReadFS(folder(nil), "nothing", Options{})
	require.ErrorIs(t, err, fault.Missing)
}

func TestLimits(t *testing.T) {
	bomb := zipOf(t, map[string]string{"a.txt": strings.Repeat("0", 1<<20), "b.txt": "Own."})
	r := read(t, "a.zip", bomb, Options{Limits: Limits{File: 1 << 16}})
	require.Equal(t, []string{"Own."}, texts(r))
	require.Equal(t, 1, left(r)["the file is too large; split it into several files"])
	_, err := Read(strings.NewReader(bomb), int64(len(bomb)), "a.zip", when, Options{Limits: Limits{Total: 1 << 16}})
	require.ErrorIs(t, err, fault.TooLarge)
	inner := zipOf(t, map[string]string{"c.zip": bomb, "d.txt": "Own."})
	require.Equal(t, []string{"Own."}, texts(read(t, "a.zip", inner, Options{})))
	r = read(t, "a.txt", "1\n\n22\n\n333\n\n"+strings.Repeat("4", 20), Options{Limits: Limits{Text: 10, Items: 2}})
	require.Equal(t, []string{"22", "333"}, texts(r))
	_, err = Read(strings.NewReader("long"), 4, "a.txt", when, Options{Limits: Limits{File: 3}})
	require.ErrorIs(t, err, fault.TooLarge)
	fields := make([]string, 100)
	for i := range fields {
		fields[i] = "c" + strings.Repeat("x", i)
	}
	r = read(t, "a.csv", "text,"+strings.Join(fields, ",")+"\nT"+strings.Repeat(",v", 100)+"\n", Options{})
	require.Len(t, r.Items[0].Context, history.MaxFields)
}

func TestSendersInTables(t *testing.T) {
	table := "date,sender,message\n2024-03-25 10:00,Ana,hola\n2024-03-25 10:01,Leo,sí\n2024-03-25 10:02,,nota\n"
	require.True(t, read(t, "t.csv", table, Options{}).Choose)
	r := read(t, "t.csv", table, me("Leo"))
	require.Equal(t, []string{"sí"}, texts(r))
	require.Equal(t, "hola", field(r.Items[0], "in reply to"))
	require.Equal(t, 1, left(r)["the message has no sender"])
	require.True(t, read(t, "t.jsonl", "{\"author\":\"A\",\"text\":\"x\"}\n{\"author\":\"B\",\"text\":\"y\"}\n",
		Options{}).Choose)
	r = read(t, "t.jsonl",
		"{\"context\":{\"from\":\"A\"},\"text\":\"x\"}\n{\"context\":{\"from\":\"B\"},\"text\":\"y\"}\n", Options{})
	require.Equal(t, []string{"x", "y"}, texts(r), "context names the sender of another text")
}

func TestOtherChatsInJSON(t *testing.T) {
	for name, content := range map[string]string{
		"google": `{"messages":[{"creator":{"name":"Ana","email":"a@x"},"text":"hola","created_date":"x"},` +
			`{"creator":{"name":"Leo"},"text":"sí"}]}`,
		"list":   `[{"sender":"Ana","text":"hola"},{"sender":"Leo","text":"sí"}]`,
		"object": `{"messages":[{"from":"Ana","body":"hola"},{"from":"Leo","body":"sí"}]}`,
	} {
		require.True(t, read(t, "c.json", content, Options{}).Choose, name)
		require.Equal(t, []string{"sí"}, texts(read(t, "c.json", content, me("Leo"))), name)
	}
}

func TestMaildir(t *testing.T) {
	r := readFolder(t, map[string]string{"Sent/cur/1.M2.host:2,S": mailOf("Mine", "MIME-Version: 1.0"),
		"Sent/dovecot.index": "\x01\x00"}, Options{})
	require.Equal(t, []string{"Mine"}, texts(r))
	_, err := Read(strings.NewReader("hello\n\nyou"), 10, "a.mbox", when, Options{})
	require.ErrorIs(t, err, fault.Malformed)
}

func TestChatPagesAreRefused(t *testing.T) {
	page := "<html><body><div class=\"from_name\">Ana</div><div class=\"text\">hola</div></body></html>"
	_, err := Read(strings.NewReader(page), int64(len(page)), "messages.html", when, Options{})
	require.ErrorIs(t, err, fault.Unsupported)
	require.ErrorContains(t, err, "export the chat as JSON")
}

func TestUnknownChatsAreRefused(t *testing.T) {
	for _, log := range []string{"[10:00] <ana> hola\n[10:01] <leo> sí\n[10:02] <ana> bien\n",
		"10:00\tAna\thola\n10:01\tLeo\tsí\n10:02\tAna\tbien\n"} {
		_, err := Read(strings.NewReader(log), int64(len(log)), "log.txt", when, Options{})
		require.ErrorIs(t, err, fault.Unsupported)
	}
	require.Len(t, read(t, "diary.txt", "10:00 woke: late\n\n11:00 wrote a bit\n\n12:00 ate\n", Options{}).Items, 3)
}
