package prose

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/history"
)

func TestCut(t *testing.T) {
	require.Equal(t, "short", Cut("short", 5))
	require.Equal(t, "one two…", Cut("one two three", 12))
	require.Equal(t, "ää…", Cut("äääää", 8), "no half character")
	require.Equal(t, "a b c", OneLine(" a\n\tb  c\xff ", 80))
	require.Equal(t, "a\n\nb", Squeeze("a\n\n\n\nb"))
}

func TestDateInName(t *testing.T) {
	for name, want := range map[string]string{"2024-05-17 Note.md": "2024-05-17", "20240517.md": "2024-05-17",
		"2024_05_17-x": "2024-05-17", "2024-13-17.md": "0001-01-01", "202405171.md": "0001-01-01", "x": "0001-01-01"} {
		require.Equal(t, want, DateInName(name).Format(time.DateOnly), name)
	}
}

func TestFrontMatter(t *testing.T) {
	title := []history.Field{{Name: "title", Value: "x"}}
	long := "---\ntitle: x\n" + strings.Repeat("\n", maxHeadLines) + "---\n"
	bomb := "+++\na = " + strings.Repeat("[", 100_000) + "\n+++\n"
	for name, c := range map[string]struct {
		in     string
		fields []history.Field
		body   string
	}{
		"YAML":         {"---\ntitle: x\n---\nBody.\n", title, "Body.\n"},
		"dots":         {"---\ntitle: x\n...\nBody.\n", title, "Body.\n"},
		"blank lines":  {"\n \n---\ntitle: x\n---\nBody.\n", title, "Body.\n"},
		"TOML":         {"+++\ntitle = \"x\"\n+++\nBody.", title, "Body."},
		"no end":       {"---\ntitle: x\n", nil, "---\ntitle: x\n"},
		"end of file":  {"---\ntitle: x\n---", title, ""},
		"empty":        {"---\n---\nBody.", nil, "Body."},
		"rule":         {"---\nOne.\n---\nTwo.", nil, "---\nOne.\n---\nTwo."},
		"no head":      {"Body.", nil, "Body."},
		"nothing":      {"\n", nil, "\n"},
		"too long":     {long, nil, long},
		"alias":        {"---\na: &x [b]\nc: *x\n---\n", []history.Field{{Name: "a", Value: "b"}, {Name: "c"}}, ""},
		"bomb of TOML": {bomb, nil, bomb},
	} {
		fields, body := FrontMatter(c.in)
		require.Equal(t, c.fields, fields, name)
		require.Equal(t, c.body, body, name)
	}
}

// TestLocalTimesInTOML: a time without a zone does not get that of the machine.
func TestLocalTimesInTOML(t *testing.T) {
	fields, _ := FrontMatter("+++\na = 2024-05-17T00:00:00\nb = 2024-05-17\n" +
		"c = 2024-05-17T12:00:00+02:00\nd = 12:30:00\n+++\n")
	require.Equal(t, []history.Field{{Name: "a", Value: "2024-05-17T00:00:00"}, {Name: "b", Value: "2024-05-17"},
		{Name: "c", Value: "2024-05-17T12:00:00+02:00"}, {Name: "d", Value: "12:30:00"}}, fields)
}

func TestHTMLText(t *testing.T) {
	for in, want := range map[string]string{
		"<p>a<p>b":                               "a\nb",
		"a<br><br>b":                             "a\n\nb",
		"<ul><li>a<li>b</ul>":                    "a\nb",
		"<table><tr><td>a<td>b<tr><td>c</table>": "a b\nc",
		"a\u00ad\u200bb&nbsp;c":                  "ab c",
		"<head><title>t</title><p>a":             "a",
		"<pre>a\n  b</pre>c":                     "a\n  b\nc",
		"</p></div>a":                            "a",
		"<!-- x > y -->1 < 2":                    "1 < 2",
	} {
		got, complete := HTMLText(in, false)
		require.True(t, complete)
		require.Equal(t, want, got, in)
	}
	got, _ := HTMLText("mine<blockquote>theirs</blockquote>", true)
	require.Equal(t, "mine\n"+QuoteMark, got)
	_, complete := HTMLText("a<img src=\""+strings.Repeat("x", 17<<20)+"\">b", false)
	require.False(t, complete, "the tag is too long")
}

func TestDecodeCharset(t *testing.T) {
	for charset, data := range map[string]string{"": "Grüße", "ascii": "Gr\xfc\xdfe", "utf-8": "Gr\xfc\xdfe",
		"ISO-8859-15": "Gr\xfc\xdfe", "'windows-1252'": "Gr\xfc\xdfe", "cp1252": "Gr\xfc\xdfe", "cp850": "Gr\x81\xe1e",
		"IBM437": "Gr\x81\xe1e"} {
		got, known := DecodeCharset([]byte(data), charset)
		require.Equal(t, "Grüße", got, charset)
		require.True(t, known, charset)
	}
	_, known := DecodeCharset([]byte("x"), "x-klingon")
	require.False(t, known)
	_, ok := Decode([]byte("\x89PNG\x00\x01"))
	require.False(t, ok)
}
