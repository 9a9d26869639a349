package history

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
)

func utc(s string) time.Time {
	t, ok := parseTime(s)
	if !ok {
		panic(s)
	}
	return t
}

func TestJSONL(t *testing.T) {
	in := "\ufeff" +
		`{"context":{"z":"1","a":"two\nlines","n":3.50,"b":true,"no":null},` +
		`"text":" hi ","time":"2024-05-17T14:00:00+02:00"}` + "\n" +
		`{"context":"to Ann","text":"b","time":1715947200}` + "\r\n\n" +
		`{"mood":"sad","text":"c","time":1715947200123,"id":"mine","place":"here"}` + "\n" +
		`{"text":"d","time":null}` + "\n" +
		`{"text":"d"}`
	items, err := ReadJSONL(strings.NewReader(in), "f.jsonl", Limits{})
	require.NoError(t, err)
	require.Len(t, items, 5)
	require.Equal(t, []Field{{"z", "1"}, {"a", "two\nlines"}, {"n", "3.50"}, {"b", "true"}}, items[0].Context)
	require.Equal(t, " hi ", items[0].Text)
	require.Equal(t, utc("2024-05-17T12:00:00Z"), items[0].Time)
	require.Equal(t, []Field{{"context", "to Ann"}}, items[1].Context)
	require.Equal(t, items[0].Time, items[1].Time)
	require.Equal(t, "mine", items[2].ID)
	require.Equal(t, 123*time.Millisecond, items[2].Time.Sub(items[1].Time))
	require.Equal(t, []Field{{"mood", "sad"}, {"place", "here"}}, items[2].Context)
	require.True(t, items[3].Time.IsZero())
	require.Equal(t, items[3].ID+"-2", items[4].ID, "equal items get different IDs")

	var out bytes.Buffer
	require.NoError(t, WriteJSONL(&out, items))
	again, err := ReadJSONL(&out, "again", Limits{})
	require.NoError(t, err)
	require.Equal(t, items, again)
}

func TestWriteJSONLReportsAFullDisk(t *testing.T) {
	err := WriteJSONL(iotestErrWriter{}, []Item{{Text: strings.Repeat("x", 10000)}})
	require.ErrorIs(t, err, fault.Storage)
}

type iotestErrWriter struct{}

func (iotestErrWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestBadInputNamesFileAndLine(t *testing.T) {
	jsonl := func(s string) func(Limits) ([]Item, error) {
		return func(l Limits) ([]Item, error) { return ReadJSONL(strings.NewReader(s), "h.jsonl", l) }
	}
	const good = `{"text":"good"}` + "\n"
	for _, c := range []struct {
		name string
		read func(Limits) ([]Item, error)
		kind fault.Kind
		want string
	}{
		{"empty", jsonl(""), fault.Missing, "h.jsonl: holds no item"},
		{"blank", jsonl(" \n\n"), fault.Missing, "h.jsonl: holds no item"},
		{"broken", jsonl(good + `{"text":`), fault.Malformed, "h.jsonl: line 2: is not an item in JSON: byte 8"},
		{"two on a line", jsonl(`{"text":"a"} {"text":"b"}`), fault.Malformed, "line 1"},
		{"array", jsonl(`["a"]`), fault.Malformed, "an object expected"},
		{"not utf-8", jsonl(good + good + "{\"text\":\"a\xffb\"}"), fault.Malformed,
			"h.jsonl: line 3: byte 11: 0xff is not UTF-8; save the file as UTF-8"},
		{"utf-16", jsonl("\xff\xfe{\x00"), fault.Malformed, "line 1: byte 1: 0xff is not UTF-8"},
		{"surrogate", jsonl(`{"text":"\ud83d"}`), fault.Malformed, "an unpaired surrogate"},
		{"no text", jsonl(good + `{"context":{}}`), fault.Missing, "line 2: the item has no text"},
		{"empty text", jsonl(good + `{"text":" \n"}`), fault.Missing, "line 2: the item has no text"},
		{"text number", jsonl(`{"text":1}`), fault.Malformed, "a string expected"},
		{"text twice", jsonl(`{"text":"a","text":"b"}`), fault.Malformed, `"text" is given twice`},
		{"field twice", jsonl(`{"context":{"a":"1"},"a":"2","text":"x"}`), fault.Malformed,
			`the context field "a" is given twice`},
		{"field nested", jsonl(`{"context":{"a":{}},"text":"x"}`), fault.Unsupported,
			`the field "a" holds a list or an object`},
		{"field nameless", jsonl(`{"":"1","text":"x"}`), fault.Malformed, `named ""`},
		{"field lines", jsonl(`{"a\nb":"1","text":"x"}`), fault.Malformed, `named "a\nb"`},
		{"field long", jsonl(`{"` + strings.Repeat("a", 300) + `":"1","text":"x"}`), fault.TooLarge, "limit 256 bytes"},
		{"id twice", jsonl(`{"id":"1","text":"x"}` + "\n" + `{"id":"1","text":"y"}`), fault.Malformed,
			`line 2: the id "1" was used before`},
		{"time", jsonl(`{"text":"x","time":"yesterday"}`), fault.Malformed, `line 1: "yesterday" is not a time`},
		{"time huge", jsonl(`{"text":"x","time":1e300}`), fault.Malformed, "1e300"},
		{"time wrong", jsonl(`{"text":"x","time":[]}`), fault.Malformed, "a number expected"},
		{"line long", jsonl(good + strings.Repeat("x", 2000)), fault.TooLarge,
			"h.jsonl: line 2: the item is too long (limit 1000 bytes)"},
		{"file long", jsonl(strings.Repeat(good, 1000)), fault.TooLarge,
			"h.jsonl: the file is too large (limit 10000 bytes)"},
		{"many items", jsonl(strings.Repeat(good, 21)), fault.TooLarge, "line 21: too many items (limit 20)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			items, err := c.read(Limits{Line: 1000, File: 10000, Items: 20})
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.kind, fault.KindOf(err))
			require.Nil(t, items, "no partial import")
		})
	}
	_, err := ReadJSONL(iotest.ErrReader(errors.New("cable pulled")), "h", Limits{})
	require.ErrorIs(t, err, fault.Storage)
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestEndlessInputIsStopped(t *testing.T) {
	_, err := ReadJSONL(zeros{}, "f", Limits{})
	require.ErrorIs(t, err, fault.TooLarge)
}

func TestFiftyMegabytesAreRead(t *testing.T) {
	var in bytes.Buffer
	for i := 0; in.Len() < 50<<20; i++ {
		fmt.Fprintf(&in, `{"context":{"n":"%d"},"text":"%s"}`+"\n", i, strings.Repeat("some text ", 100))
	}
	items, err := ReadJSONL(&in, "f", Limits{})
	require.NoError(t, err)
	require.Greater(t, len(items), 50000)
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"context":{"a":"1"},"text":"x","time":"2024-05-17"}` + "\n" + `{"text":"y","k":2}`))
	f.Add([]byte("{\"text\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		requireRoundTrip(t)(ReadJSONL(bytes.NewReader(data), "f", Limits{Line: 1 << 12, File: 1 << 14, Items: 100}))
	})
}

// requireRoundTrip checks that any input gives a typed fault, or items that are equal after writing
// and reading.
func requireRoundTrip(t *testing.T) func([]Item, error) {
	return func(items []Item, err error) {
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err), "%v", err)
			require.Nil(t, items)
			return
		}
		var out bytes.Buffer
		require.NoError(t, WriteJSONL(&out, items))
		again, err := ReadJSONL(&out, "again", Limits{})
		require.NoError(t, err)
		require.Equal(t, len(items), len(again))
		for i := range items {
			if len(items[i].Context) == 0 {
				items[i].Context = nil
			}
		}
		require.Equal(t, items, again)
	}
}
