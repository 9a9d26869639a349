package moduletest_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"nextquill/importer"
)

// givenFile is a file as the step read takes it.
type givenFile struct {
	Name     string `json:"name"`
	Data     []byte `json:"data"`
	Modified int64  `json:"modified"`
}

// readItem is an item as the module has it.
type readItem struct {
	ID, Text, Time string
	Context        []struct{ Name, Value string }
}

// peoplesFiles are files of the formats that people have, each with what is theirs in it.
func peoplesFiles(t *testing.T) (files map[string]string, want map[string][]string) {
	t.Helper()
	encode := func(s string, err error) string {
		require.NoError(t, err)
		return s
	}
	archive := func(parts map[string]string) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, text := range parts {
			f, err := w.Create(name)
			require.NoError(t, err)
			_, err = f.Write([]byte(text))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return b.String()
	}
	const journal = `{"metadata":{"version":"1.0"},"entries":[{"uuid":"A1","creationDate":"2024-02-03T07:00:00Z",` +
		`"text":"A quiet morning."}]}`
	files = map[string]string{
		"chat.txt": "[25.03.24, 10:00:00] Ana Ruiz: ¿Vienes?\n[25.03.24, 10:01:00] Leo: Ahora voy,\nespera\n" +
			"[25.03.24, 10:02:00] Ana Ruiz: \u200eimagen omitida\n[25.03.24, 10:03:00] Leo: Ya estoy\n",
		"inbox.mbox": "From 1@xxx Mon Mar 25 10:00:00 +0000 2024\nX-Gmail-Labels: Inbox\n" +
			"From: Ann <ann@example.org>\nTo: Kim <kim@example.org>\nSubject: Lunch\n" +
			"Date: Mon, 25 Mar 2024 10:00:00 +0000\n\nNoon?\n\n" +
			"From 2@xxx Mon Mar 25 11:00:00 +0000 2024\nX-Gmail-Labels: Sent\nFrom: Kim <kim@example.org>\n" +
			"To: Ann <ann@example.org>\nSubject: Re: Lunch\nDate: Mon, 25 Mar 2024 11:00:00 +0000\n\n" +
			"Noon is fine.\n\nOn Mon, Mar 25, 2024 at 10:00 AM Ann <ann@example.org> wrote:\n> Noon?\n-- \nKim\n",
		"letter.eml": "From: Kim <kim@example.org>\nTo: Ann <ann@example.org>\n" +
			"Subject: =?utf-8?Q?Gr=C3=BC?= =?utf-8?Q?=C3=9Fe?=\nDate: Mon, 25 Mar 2024 10:00:00 +0100\n" +
			"Content-Type: text/html; charset=utf-8\n\n" +
			"<p>Sch&ouml;n, 2 &lt; 3.</p><blockquote>You wrote</blockquote>\n",
		"posts.csv":  "id;date;text\n1;2024-05-17;\"First; post\"\n2;20240518;Second\n2;20240519;Third\n",
		"tabs.tsv":   "text\tto\nHello\tAnn\n",
		"items.json": `[{"text":"One","time":2024},{"text":"Two","context":{"b":"1","a":"2"}},{"x":1}]`,
		"bare.jsonl": "{\"text\":\"a b c\"}\n{\"id\":\"7\",\"body\":\"d\"}\nnot json\n",
		"cp1252.txt": encode(charmap.Windows1252.NewEncoder().String("Im Café.\n\n„Schön“ – naß.\n")),
		"utf16.txt": encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().
			String("First note.\r\n\r\nSecond note.\r\n")),
		"result.json": `{"name":"Ann","type":"personal_chat","id":1,"messages":[` +
			`{"id":1,"type":"message","date":"2024-03-25T10:00:00","from":"Ann","from_id":"user1","text":"hi"},` +
			`{"id":2,"type":"message","date":"2024-03-25T10:01:00","from":"Kim","from_id":"user2",` +
			`"text":["see ",{"type":"link","text":"example.org"}]},` +
			`{"id":3,"type":"message","date":"2024-03-25T10:02:00","from":"Kim","from_id":"user2","text":"ok?"}]}`,
		"tweets.js": `window.YTD.tweets.part0 = [{"tweet":{"id_str":"1",` +
			`"created_at":"Wed Oct 10 20:19:24 +0000 2018","full_text":"A post of mine"}},` +
			`{"tweet":{"id_str":"2","full_text":"RT @a: theirs"}}]`,
		"dayone.zip": archive(map[string]string{"Journal.json": journal, "photos/a.jpeg": "\xff\xd8"}),
		"essay.docx": archive(map[string]string{"word/document.xml": `<w:document xmlns:w="http://schemas.` +
			`openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>An essay.</w:t></w:r></w:p>` +
			`<w:p><w:r><w:t>Its end.</w:t></w:r></w:p></w:body></w:document>`}),
		"model.json": `[{"messages":[{"role":"system","content":"s"},{"role":"user","content":"my question"},` +
			`{"role":"assistant","content":"an answer"}]}]`,
		"page.html": "<html><head><title>T</title></head><body><p>A page &amp; more</p></body></html>",
	}
	want = map[string][]string{
		"chat.txt": {"Ahora voy,\nespera", "Ya estoy"}, "inbox.mbox": {"Noon is fine."},
		"letter.eml": {"Schön, 2 < 3."},
		"posts.csv":  {"First; post", "Second", "Third"}, "tabs.tsv": {"Hello"}, "items.json": {"One", "Two"},
		"bare.jsonl": {"a b c", "d"}, "cp1252.txt": {"Im Café.", "„Schön“ – naß."},
		"utf16.txt": {"First note.", "Second note."}, "result.json": {"see example.org", "ok?"},
		"tweets.js": {"A post of mine"}, "dayone.zip": {"A quiet morning."}, "essay.docx": {"An essay.\nIts end."},
		"model.json": {"my question"}, "page.html": {"A page & more"},
	}
	return files, want
}

// TestImportLikeCommandLine reads files in the browser and as the command line does: the items are
// the same, with ids, times and context.
func TestImportLikeCommandLine(t *testing.T) {
	t.Parallel()
	modified := time.UnixMilli(1715947200123)
	p := load(t, "import.steps").openTab()
	defer p.Close()
	compare := func(t *testing.T, given []givenFile, importAll func(me []string) (importer.Result, error)) []string {
		var got struct {
			Me      []string
			Items   []readItem
			LeftOut []importer.LeftOut
		}
		p.call(&got, "read", given)
		want, err := importAll(got.Me)
		require.NoError(t, err)
		require.False(t, want.Choose)
		require.Len(t, got.Items, len(want.Items))
		var texts []string
		for i, it := range want.Items {
			one := readItem{ID: it.ID, Text: it.Text}
			if !it.Time.IsZero() {
				one.Time = it.Time.UTC().Format("2006-01-02T15:04:05.000Z")
			}
			one.Context = make([]struct{ Name, Value string }, 0)
			for _, f := range it.Context {
				one.Context = append(one.Context, struct{ Name, Value string }(f))
			}
			require.Equal(t, one, got.Items[i])
			texts = append(texts, it.Text)
		}
		require.Equal(t, len(want.LeftOut), len(got.LeftOut))
		for i, l := range want.LeftOut {
			require.Equal(t, l.Count, got.LeftOut[i].Count, l.Reason)
		}
		return texts
	}
	files, want := peoplesFiles(t)
	require.Len(t, want, len(files))
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			texts := compare(t, []givenFile{{name, []byte(content), modified.UnixMilli()}},
				func(me []string) (importer.Result, error) {
					return importer.Read(strings.NewReader(content), int64(len(content)), name, modified,
						importer.Options{Me: me})
				})
			require.Equal(t, want[name], texts)
		})
	}
	t.Run("folder", func(t *testing.T) {
		folder := fstest.MapFS{}
		var given []givenFile
		for _, f := range [][2]string{
			{"2024-01-05.md", "---\ndate: 2024-05-17 12:00:00 +0200\ntags: [a, b]\n---\n" +
				"- [x] done, see [[Ideas|my ideas]]\n"},
			{"Sub/Ideas.md", "An idea.\n"}, {"Sub/empty.md", ""}, {"pic.png", "\x89PNG"}, {"z.txt", "one\n\ntwo\n"},
		} {
			folder[f[0]] = &fstest.MapFile{Data: []byte(f[1]), ModTime: modified}
			given = append(given, givenFile{"vault/" + f[0], []byte(f[1]), modified.UnixMilli()})
		}
		texts := compare(t, given, func(me []string) (importer.Result, error) {
			return importer.ReadFS(folder, "vault", importer.Options{Me: me})
		})
		require.Equal(t, []string{"done, see my ideas", "An idea.", "one", "two"}, texts)
	})
}
