package importer

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// fuzz imports arbitrary content under a file name: it must not panic, its errors are faults, and
// its items are equal after writing and reading in the exchange format.
func fuzz(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		limits := Limits{File: 1 << 20, Total: 4 << 20, Text: 1 << 16}
		r, err := Read(strings.NewReader(content), int64(len(content)), name, when, Options{Limits: limits})
		if err == nil && r.Choose {
			r, err = Read(strings.NewReader(content), int64(len(content)), name, when,
				Options{Me: []string{r.Senders[0].ID()}, Limits: limits})
		}
		if err != nil {
			if fault.KindOf(err) == "" {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if len(r.Items) == 0 {
			t.Fatal("no items, no choice and no fault")
		}
		var b strings.Builder
		for _, it := range r.Items {
			if !utf8.ValidString(it.Text) {
				t.Fatalf("invalid UTF-8: %q", it.Text)
			}
		}
		if err := history.WriteJSONL(&b, r.Items); err != nil {
			t.Fatal(err)
		}
		back, err := history.ReadJSONL(strings.NewReader(b.String()), "x", history.Limits{})
		if err != nil || !reflect.DeepEqual(r.Items, back) {
			t.Fatalf("%v became %v: %v", r.Items, back, err)
		}
	})
}

func FuzzText(f *testing.F) {
	fuzz(f, "a.txt", "a\n\nb", "one\ntwo\r\n\r\n  \nthree\n\n", "\ufeffa\n\nb\xff",
		"25/03/2024, 10:00 - A: x\n26/03/2024, 10:00 - B: y",
		"[3/25/24, 9:07:09 PM] A: \u200eimage omitted", "\xff\xfea\x00", "PK\x03\x04")
}

func FuzzTable(f *testing.F) {
	fuzz(f, "a.csv", "text;b\n\"a\"\";b;c\n", "a,text,time,id\n1,\"x\ny\",2024-05-17,7\n", "text;b\nx;1\n",
		"sep=\t\ntext\tb\n1\t2", "id,text\r1,a\r1,b")
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "a.json", `[{"text":"a"}]`, `{"messages":[{"role":"user","content":"a"}]}`,
		`[{"mapping":{"a":{"parent":"a"}},"current_node":"a"}]`,
		`{"type":"x","id":1,"messages":[{"from":"A","text":["a",{"text":"b"}]}]}`, `{"entries":[{"text":"a"}]}`,
		`{"orderedItems":[{"type":"Create","object":{"content":"<p>a"}}]}`, `[{"ts":"1","user":"U","text":"<@U>"}]`,
		`{"participants":[],"messages":[{"sender_name":"A","content":"b"}]}`,
		`{"$type":"app.bsky.feed.post","text":"a"}`)
}

func FuzzJSONL(f *testing.F) {
	fuzz(f, "a.jsonl", "{\"text\":\"a\",\"time\":1}\n{\"id\":\"1\",\"text\":\"b\"}")
}

func FuzzMail(f *testing.F) {
	fuzz(f, "a.eml", mailOf("a\n> b\n-- \nc"), mailOf("--x\n\na\n--x--", "Content-Type: multipart/mixed; boundary=x"),
		mailOf("<p>a<blockquote>b", "Content-Type: text/html"),
		mailOf("a \nb", "Content-Type: text/plain; format=flowed; delsp=yes"))
}

func FuzzMailbox(f *testing.F) { fuzz(f, "a.mbox", mailbox1) }

func FuzzMarkdown(f *testing.F) {
	fuzz(f, "a.md", "---\na: [b,\n c]\n---\n[[x|y]]", "---\ntitle: x\ntags: [a, b]\n---\nbody",
		"+++\na = 1\n+++\nb", "---\na: &x [*x]\n---\nb", "```dataview\n```")
}

func FuzzHTML(f *testing.F) {
	fuzz(f, "a.html", "<p>a<br>b<pre>c\n d</pre><!-- --><script>x</script>", "<td>a<td>b</p></td>")
}

func FuzzZip(f *testing.F) {
	fuzz(f, "a.zip", zipOf(f, map[string]string{"a.txt": "x"}),
		zipOf(f, map[string]string{"word/document.xml": "<w:p><w:t>a"}))
}

func FuzzTwitter(f *testing.F) {
	fuzz(f, "tweets.js", `window.YTD.tweets.part0 = [{"tweet":{"full_text":"@a b","id":"1"}}]`)
}
