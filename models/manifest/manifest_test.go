package manifest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/models/manifest"
)

var sum = strings.Repeat("ab", 32)

// one is a manifest with one file with the given members.
func one(members string) string { return `{"name":"x","version":1,"files":[{` + members + `}]}` }

func good(path string) string { return `"path":` + path + `,"size":3,"sha256":"` + sum + `"` }

// TestHostile parses malicious manifests.
func TestHostile(t *testing.T) {
	many := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = `{"path":"f` + strings.Repeat("x", i%100) + string(rune('a'+i/100)) + `","size":1,"sha256":"` +
				sum + `"}`
		}
		return strings.Join(list, ",")
	}
	for _, c := range []struct {
		json    string
		kind    fault.Kind
		message string
	}{
		{``, fault.Malformed, "is not a valid model manifest"},
		{`[]`, fault.Malformed, "is not a valid model manifest"},
		{`{"version":1}`, fault.Malformed, "lists 0 files"},
		{`{"version":2,"files":[]}`, fault.Unsupported, "version: is 2 (limit 1)"},
		{`{"files":[{}]}`, fault.Unsupported, "version: is 0"},
		{`{"version":1,"files":[` + many(1001) + `]}`, fault.Malformed, "lists 1001 files"},
		{strings.Repeat(" ", 1<<20) + one(good(`"a"`)), fault.TooLarge, "(limit 1048576 bytes)"},
		{one(good(`"../a"`)), fault.OutOfRange, `file "../a": is not a path inside the model's folder`},
		{one(good(`"/etc/passwd"`)), fault.OutOfRange, "is not a path inside"},
		{one(good(`"a/../../b"`)), fault.OutOfRange, "is not a path inside"},
		{one(good(`"C:\\x"`)), fault.OutOfRange, "is not a path inside"},
		{one(good(`"a\u0000b"`)), fault.OutOfRange, "is not a path inside"},
		{one(good(`""`)), fault.OutOfRange, "is not a path inside"},
		{one(good(`"` + strings.Repeat("a", 151) + `"`)), fault.TooLarge, "a path of 151 bytes (limit 150)"},
		{one(good(`"Manifest.json"`)), fault.Malformed, "lists manifest.json, the manifest itself"},
		{one(good(`"a"`) + `},{` + good(`"A"`)), fault.Malformed, `lists "a" twice`},
		{one(good(`"a"`) + `},{` + good(`"a/b"`)), fault.Malformed, `lists "a" as a file and as a folder`},
		{one(`"path":"a","size":-1,"sha256":"` + sum + `"`), fault.OutOfRange, "has -1 bytes"},
		{one(`"path":"a","size":9000000000000000000,"sha256":"` + sum + `"`), fault.OutOfRange,
			"has 9000000000000000000 bytes (limit 0 to 1099511627776)"},
		{one(`"path":"a","size":1e400,"sha256":"` + sum + `"`), fault.Malformed, "is not a valid model manifest"},
		{one(`"path":"a","size":1099511627776,"sha256":"` + sum + `"},{"path":"b","size":1,"sha256":"` + sum + `"`),
			fault.TooLarge, "bytes in total"},
		{one(`"path":"a","size":3`), fault.Malformed, `sha256 is ""`},
		{one(`"path":"a","size":3,"sha256":"` + strings.ToUpper(sum) + `"`), fault.Malformed, "64 hexadecimal digits"},
		{one(good(`"a"`) + `,"shards":[{"url":"b","size":2,"sha256":"` + sum + `"}]`), fault.Mismatch,
			"has 3 bytes, but its shards have another total size"},
		{one(good(`"a"`) + `,"shards":[{"url":"b","size":4,"sha256":"` + sum + `"}]`), fault.Mismatch,
			"have another total size"},
		{one(good(`"a"`) + `,"shards":[{"url":"","size":3,"sha256":"` + sum + `"}]`), fault.Malformed,
			"a shard without a url"},
		{one(good(`"a"`) + `,"shards":[{"url":"b","size":0,"sha256":"` + sum + `"},{"url":"c","size":3,"sha256":"` +
			sum + `"}]`), fault.Malformed, "has an empty shard"},
		{one(good(`"a"`) + `,"shards":[{"url":"b","size":3,"sha256":"zz"}]`), fault.Malformed,
			`shard "b": sha256 is "zz"`},
		{`{"name":"` + strings.Repeat("n", 201) + `","version":1,"files":[{` + good(`"a"`) + `}]}`, fault.TooLarge,
			"name: is"},
	} {
		_, err := manifest.Parse("m.json", []byte(c.json))
		require.ErrorContains(t, err, c.message, "%.200s", c.json)
		require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "m.json: ")
	}
	m, err := manifest.Parse("m.json", []byte(one(good(`"a"`)+`,"new field":[1]`)))
	require.NoError(t, err)
	again, err := manifest.Parse("", m.Encode())
	require.NoError(t, err)
	require.Equal(t, m, again)
}

type buffer struct {
	bytes.Buffer
	done func([]byte)
}

func (b *buffer) Close() error { b.done(b.Bytes()); return nil }

// TestSplitAndJoined writes files of sizes around the limit in writes of all sizes, and reads every
// range of them.
func TestSplitAndJoined(t *testing.T) {
	ctx := t.Context()
	const limit = 7
	for size := range 30 {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 37)
		}
		for _, step := range []int{1, 3, 100} {
			stored := map[string][]byte{}
			s := manifest.NewSplitter("sub/f", int64(size), limit, func(name string) (io.WriteCloser, error) {
				return &buffer{done: func(b []byte) { stored[name] = bytes.Clone(b) }}, nil
			})
			for at := 0; at < size; at += step {
				n, err := s.Write(data[at:min(at+step, size)])
				require.NoError(t, err)
				require.Equal(t, min(step, size-at), n)
			}
			f, err := s.Close()
			require.NoError(t, err)
			m, err := manifest.Parse("", manifest.Manifest{Name: "x", Files: []manifest.File{f}}.Encode())
			require.NoError(t, err)
			require.Equal(t, size <= limit, len(f.Shards) == 0)
			require.Len(t, stored, max(1, (size+limit-1)/limit))
			joined := manifest.Joined(m, blob.NewMem(stored))
			require.NoError(t, f.Check(ctx, joined, nil))
			for from := 0; from <= size; from++ {
				for to := from; to <= size; to++ {
					p := make([]byte, to-from)
					require.NoError(t, joined.ReadAt(ctx, "sub/f", p, int64(from)))
					require.Equal(t, data[from:to], p)
				}
			}
			require.ErrorIs(t, joined.ReadAt(ctx, "sub/f", make([]byte, size+1), 0), fault.OutOfRange)
			require.ErrorIs(t, joined.Write(ctx, "sub/f", nil), fault.Unsupported)
			_, err = joined.Size(ctx, "sub/f.000")
			require.ErrorIs(t, err, fault.Missing)
			if size > limit {
				stored["sub/f.001"] = stored["sub/f.001"][1:]
				require.ErrorIs(t, f.Check(ctx, manifest.Joined(m, blob.NewMem(stored)), nil), fault.Mismatch)
			}
		}
	}
}

// TestEncodeOmitsEmptyMembers checks the form that the browser reads: empty members are omitted.
func TestEncodeOmitsEmptyMembers(t *testing.T) {
	m := manifest.Manifest{Name: "a & b", Files: []manifest.File{{Path: "f", Size: 3, SHA256: sum}}}
	var v map[string]any
	require.NoError(t, json.Unmarshal(m.Encode(), &v))
	require.Equal(t, map[string]any{"name": "a & b", "version": 1.,
		"files": []any{map[string]any{"path": "f", "size": 3., "sha256": sum}}}, v)
	require.Contains(t, string(m.Encode()), "a & b")
}
