package importabi_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/importer"
	"nextquill/wasm/importabi"
)

const chat = "25/03/2024, 10:00 - Ana: ¿vienes?\n25/03/2024, 10:01 - Leo: sí, ahora voy\n" +
	"25/03/2024, 10:02 - Ana: bien\n"

func text(name, data string) content { return content{name, []byte(data)} }

// TestChoice reads a chat of two people: there are no texts before one of them is chosen.
func TestChoice(t *testing.T) {
	h := openModule(t).start()
	a := h.importFiles([]content{text("chat.txt", chat)}, importabi.ImportRequest{})
	require.True(t, a.result.Choose)
	require.Empty(t, a.items)
	require.Equal(t, "", a.result.From)
	require.Len(t, a.result.Senders, 2)
	require.Equal(t, importabi.ImportSender{ID: "Ana", Name: "Ana", Count: 2, Sample: "¿vienes?", Likely: true},
		a.result.Senders[0])

	reads := len(h.reads)
	a = h.ask(importabi.ImportRequest{Method: importabi.MethodChoose, Me: []string{"leo"}})
	require.Equal(t, []string{"sí, ahora voy"}, a.texts())
	require.Equal(t, "2024-03-25T10:01:00.000Z", a.items[0].Time)
	require.Equal(t, a.items[0].Time, a.result.From)
	require.True(t, a.result.Senders[1].Chosen)
	require.Equal(t, "Ana", a.items[0].Context[0].Value)
	a = h.ask(importabi.ImportRequest{Method: importabi.MethodChoose, Me: []string{"Leo", "Ana"}})
	require.Equal(t, []string{"¿vienes?", "sí, ahora voy", "bien"}, a.texts())
	a = h.ask(importabi.ImportRequest{Method: importabi.MethodChoose, Me: []string{"Nobody"}})
	require.Equal(t, string(fault.Missing), a.result.Error.Kind)
	require.Empty(t, a.items)
	require.Len(t, h.reads, reads, "another choice reads nothing again")
}

// TestColumns offers the columns of a table without a usual name, and reads the chosen one.
func TestColumns(t *testing.T) {
	h := openModule(t).start()
	files := []content{
		text("a.csv", "nr,entrada\n1,hola\n2,adiós\n"), text("b.csv", "nr,entrada\n3,tres\n"),
		text("c.csv", "text\nfour\n"), text("d.json", `[{"key":"x","say":"five"}]`),
	}
	a := h.importFiles(files, importabi.ImportRequest{})
	require.Equal(t, []string{"four"}, a.texts())
	require.Empty(t, a.result.Failed)
	require.Equal(t, []importabi.ImportTable{
		{Files: []string{"a.csv", "b.csv"}, Columns: []string{"nr", "entrada"}},
		{Files: []string{"d.json"}, Columns: []string{"key", "say"}},
	}, a.result.Tables)
	a = h.importFiles(files, importabi.ImportRequest{TextColumns: []importabi.FileColumn{
		{File: "a.csv", Column: "entrada"}, {File: "d.json", Column: "say"}}})
	require.Equal(t, []string{"hola", "adiós", "four", "five"}, a.texts())
	require.Equal(t, []importabi.ImportTable{{Files: []string{"b.csv"}, Columns: []string{"nr", "entrada"}}},
		a.result.Tables)
	a = h.importFiles(files, importabi.ImportRequest{TextColumn: "entrada"})
	require.Equal(t, []string{"hola", "adiós", "tres"}, a.texts())
}

// TestFailures lists one fault per named file, and reads the others.
func TestFailures(t *testing.T) {
	h := openModule(t).start()
	h.broken = "gone.txt"
	a := h.importFiles([]content{
		text("a.pdf", "%PDF-1.4"), text("notes/.obsidian/app.json", `{"a":1}`), text("notes/b.md", "A note."),
		text("notes/picture.png", "\x89PNG"), text("gone.txt", "x"), text("empty.txt", ""), text("c.xyz", "\x00\x01"),
	}, importabi.ImportRequest{})
	require.Equal(t, []string{"A note."}, a.texts())
	var failed []string
	for _, f := range a.result.Failed {
		require.NotEmpty(t, f.Remedy, f.Where)
		failed = append(failed, f.Where+": "+f.Kind)
	}
	require.Equal(t, []string{"a.pdf: unsupported", "gone.txt: storage", "empty.txt: missing", "c.xyz: unsupported"},
		failed)
	require.Equal(t, []importabi.ImportRemark{{Reason: "not a text format", Count: 1,
		Places: []string{"notes/picture.png"}}}, a.result.LeftOut)

	a = h.importFiles([]content{text("a.pdf", "%PDF-1.4")}, importabi.ImportRequest{})
	require.Len(t, a.result.Failed, 1)
	require.Equal(t, "unsupported", a.result.Error.Kind)
}

// TestLargeArchive reads a zip archive in parts: most of it is a picture, which is not read.
func TestLargeArchive(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	picture, err := w.CreateHeader(&zip.FileHeader{Name: "photo.jpg", Method: zip.Store})
	require.NoError(t, err)
	_, err = picture.Write(bytes.Repeat([]byte{0xff}, 40<<20))
	require.NoError(t, err)
	note, err := w.Create("notes/a.md")
	require.NoError(t, err)
	_, err = note.Write([]byte("A note."))
	require.NoError(t, err)
	require.NoError(t, w.Close())

	h := openModule(t).start()
	a := h.importFiles([]content{{"export.zip", archive.Bytes()}}, importabi.ImportRequest{})
	require.Equal(t, []string{"A note."}, a.texts())
	total := 0
	for _, n := range h.reads {
		total += n
	}
	require.Less(t, total, 4<<20, "most of the archive is not read")
	require.Less(t, int(h.m.Memory().Size()), 32<<20, "the archive is not in memory")
}

// TestBatches sends many texts in several messages.
func TestBatches(t *testing.T) {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "%s %d\n\n", strings.Repeat("word ", 200), i)
	}
	h := openModule(t).start()
	a := h.importFiles([]content{text("long.txt", b.String())}, importabi.ImportRequest{})
	require.Len(t, a.items, 4000)
	require.Equal(t, "2024-05-17T12:00:00.000Z", a.items[3999].Time, "the time of the file")
}

// TestSameInBoth compares the module with the same Session outside of WASM.
func TestSameInBoth(t *testing.T) {
	files := []content{text("chat.txt", chat), text("a/b.csv", "text,id\nx,1\ny,1\n"), text("p.md", "# T\n\nBody.\n")}
	h := openModule(t).start()
	inside := h.importFiles(files, importabi.ImportRequest{Me: []string{"Ana"}})
	l := &local{t: t, files: files}
	r := importabi.ImportRequest{Method: importabi.MethodRead, Me: []string{"Ana"}}
	for _, f := range files {
		r.Files = append(r.Files, importabi.FileInfo{Name: f.name, Size: int64(len(f.data)), Modified: 1715947200000})
	}
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, importabi.NewSession(l, importer.Limits{}).Serve(raw))
	require.Equal(t, l.answer, inside)
	require.Len(t, inside.items, 5)
}

// TestMisuse uses the exports in ways that the interface forbids.
func TestMisuse(t *testing.T) {
	h := openModule(t)
	h.answer = &answer{}
	call := func(p, n uint64) int32 { return int32(h.export("call", p, n)) }
	require.EqualValues(t, importabi.Failed, call(h.export("alloc", 8), 8), "before start")
	require.EqualValues(t, importabi.Version, h.export("start", importabi.Version+1))
	require.EqualValues(t, importabi.Failed, call(h.export("alloc", 8), 8), "another version")
	h.start()
	require.Zero(t, h.export("alloc", 0))
	require.Zero(t, h.export("alloc", importabi.MaxRequest+1))
	require.Zero(t, h.export("alloc", 1<<32-1))
	require.EqualValues(t, importabi.Failed, call(0, 0))
	require.EqualValues(t, importabi.Failed, call(1<<20, 8))
	p := h.export("alloc", 8)
	require.EqualValues(t, importabi.Failed, call(p, 9), "longer than the memory")
	require.EqualValues(t, importabi.Failed, call(p, 8), "the memory was taken back")
	p = h.export("alloc", 8)
	h.export("alloc", 8)
	require.EqualValues(t, importabi.Failed, call(p+1, 7))
	require.False(t, h.answer.ended)

	_, a := h.request([]byte(`{"method":"choose"}`))
	require.Equal(t, "missing", a.result.Error.Kind, "no file was read")
	for request, kind := range map[string]string{
		`{`:                 "malformed",
		`{"method":"x"}`:    "unsupported",
		`{"method":"read"}`: "missing",
		`{"method":"read","files":[{"name":"a","size":-1}]}`:                   "malformed",
		`{"method":"read","files":[{"name":"","size":1}]}`:                     "malformed",
		`{"method":"read","files":[{"name":"a.txt","size":9}]}`:                "storage",
		`{"method":"read","files":[{"name":"a.zip","size":9007199254740991}]}`: "storage",
	} {
		h.files = []content{text("a", "PK\x03\x04")}
		if strings.Contains(request, "a.txt") {
			h.files = []content{text("a", "xx")} // shorter than it says
		}
		status, a := h.request([]byte(request))
		require.Zero(t, status, request)
		require.NotNil(t, a.result.Error, request)
		require.Equal(t, kind, a.result.Error.Kind, request)
	}
}

// FuzzRequest sends arbitrary requests and files: the session answers each with one result.
func FuzzRequest(f *testing.F) {
	f.Add(`{"method":"read","files":[{"name":"a.txt","size":70,"modified":5}],"me":["Ana"]}`, chat)
	f.Add(`{"method":"read","files":[{"name":"a.txt","size":9999999999,"modified":-5}]}`, "a\n\nb")
	f.Add(`{"method":"read","files":[{"name":"a/b.zip","size":6}],"text_columns":[{"file":"a"}]}`, "PK\x03\x04\x00\x00")
	f.Add(`{"method":"choose"}`, "")
	f.Add(`{"method":"read","files":[{"name":"a.csv","size":12},{"name":"a.csv","size":3}]}`, "a,b\nc,d\n")
	limits := importer.Limits{File: 1 << 16, Total: 1 << 18, Text: 1 << 12, Files: 50, Messages: 1000}
	f.Fuzz(func(t *testing.T, request, data string) {
		l := &local{t: t}
		for range 64 {
			l.files = append(l.files, content{"", []byte(data)})
		}
		s := importabi.NewSession(l, limits)
		for _, raw := range []string{request, `{"method":"choose","me":["Ana"]}`} {
			l.answer = answer{}
			require.NoError(t, s.Serve([]byte(raw)))
			require.True(t, l.answer.ended)
			require.Len(t, l.answer.items, l.answer.result.Texts)
			if e := l.answer.result.Error; e != nil {
				require.NotEmpty(t, e.Kind)
				require.NotEqual(t, string(fault.Internal), e.Kind, "%s: %v", raw, e)
			}
		}
	})
}

// FuzzLengths calls the exports of the module with arbitrary pointers and lengths: they refuse what
// is not the memory of a request, and the instance stays usable.
func FuzzLengths(f *testing.F) {
	f.Add(uint32(8), uint32(0), uint32(8))
	f.Add(uint32(8), uint32(1), uint32(8))
	f.Add(uint32(0), uint32(0), uint32(0))
	f.Add(uint32(1<<31), uint32(1<<31), uint32(1<<32-1))
	f.Add(uint32(importabi.MaxRequest+1), uint32(0), uint32(16))
	h := openModule(f).start()
	f.Fuzz(func(t *testing.T, size, shift, length uint32) {
		if size > 1<<20 && size <= importabi.MaxRequest {
			size = 1 << 20 // the memory of an instance does not shrink
		}
		h.t, h.answer = t, &answer{}
		p := uint32(h.export("alloc", uint64(size)))
		require.Equal(t, size == 0 || size > importabi.MaxRequest, p == 0)
		valid := p != 0 && shift == 0 && length <= size
		status := int32(h.export("call", uint64(p+shift), uint64(length)))
		require.Equal(t, valid, status == 0)
		require.Equal(t, valid, h.answer.ended)
	})
}

// TestLongContexts has short texts with long contexts: no message is much larger than a batch.
func TestLongContexts(t *testing.T) {
	long := strings.Repeat("c", 8000)
	var data strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&data, `{"context":{"about":"%d %s"},"text":"text %d","id":"i%d"}`+"\n",
			i, long, i, i)
	}
	l := &sized{local: local{t: t, files: []content{text("a.jsonl", data.String())}}}
	request, err := json.Marshal(importabi.ImportRequest{Method: importabi.MethodRead,
		Files: []importabi.FileInfo{{Name: "a.jsonl", Size: int64(data.Len())}}})
	require.NoError(t, err)
	require.NoError(t, importabi.NewSession(l, importer.Limits{}).Serve(request))
	require.Len(t, l.answer.items, 1000)
	require.Greater(t, len(l.answer.items[0].Context[0].Value), 7000)
	require.Less(t, l.largest, 2<<20)
}

// sized remembers the size of the largest message.
type sized struct {
	local
	largest int
}

func (s *sized) Emit(message []byte) error {
	s.largest = max(s.largest, len(message))
	return s.local.Emit(message)
}
