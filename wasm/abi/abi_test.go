package abi_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/wasm/abi"
)

func sample() *gpu.Batch {
	return &gpu.Batch{Commands: []gpu.Command{
		{Op: gpu.OpCreateBuffer, Buffer: 1, Size: 5 << 32, Usage: gpu.Storage, Name: "weights"},
		{Op: gpu.OpCreateBuffer, Buffer: 2, Size: 16, Usage: gpu.Uniform},
		{Op: gpu.OpWriteBuffer, Buffer: 1, Offset: 1 << 33, Data: []byte("12345678")},
		{Op: gpu.OpClearBuffer, Buffer: 1, Offset: 4, Size: 1 << 34},
		{Op: gpu.OpCopyBuffer, Source: 1, SourceOffset: 8, Buffer: 2, Offset: 4, Size: 12},
		{
			Op: gpu.OpCreatePipeline, Pipeline: 3, Name: "é", WGSL: "fn main() {}",
			Bindings: []gpu.Access{gpu.ReadUniform, gpu.ReadStorage, gpu.WriteStorage},
		},
		{
			Op: gpu.OpCreateBindGroup, BindGroup: 4, Pipeline: 3,
			Entries: []gpu.Entry{{Buffer: 1, Offset: 256, Size: 1 << 35}, {Buffer: 2, Size: 16}},
		},
		{Op: gpu.OpDispatch, Pipeline: 3, BindGroup: 4, Groups: [3]uint32{1, 65535, 1<<32 - 1}},
		{Op: gpu.OpDestroyBindGroup, BindGroup: 4},
		{Op: gpu.OpDestroyPipeline, Pipeline: 3},
		{Op: gpu.OpDestroyBuffer, Buffer: 1},
	}}
}

func encode(b *gpu.Batch) [][]byte {
	var parts [][]byte
	var e abi.Encoder
	for p := range e.Parts(b) {
		parts = append(parts, bytes.Clone(p))
	}
	return parts
}

func TestRoundTrip(t *testing.T) {
	parts := encode(sample())
	require.Len(t, parts, 1)
	var got gpu.Batch
	for range 2 { // a reused batch decodes the same
		require.NoError(t, abi.Decode(parts[0], &got))
		require.Equal(t, sample(), &got)
	}
	require.Empty(t, encode(&gpu.Batch{}))
	require.NoError(t, abi.Decode(nil, &got))
	require.Empty(t, got.Commands)
}

// TestLayout pins the bytes that hosts in other languages read. The file is one line of hex per
// command; write it anew only with a new abi.Version.
func TestLayout(t *testing.T) {
	var lines []string
	for _, c := range sample().Commands {
		lines = append(lines, hex.EncodeToString(abi.Append(nil, &c)))
	}
	want, err := os.ReadFile("testdata/batch.hex")
	require.NoError(t, err)
	require.Equal(t, strings.Fields(string(want)), lines)
}

func TestEverythingIsWholeWords(t *testing.T) {
	for n := range 9 {
		c := gpu.Command{Op: gpu.OpCreateBuffer, Buffer: 1, Size: 4, Usage: gpu.Storage, Name: strings.Repeat("x", n)}
		raw := abi.Append(nil, &c)
		require.Zero(t, len(raw)%4)
		var b gpu.Batch
		require.NoError(t, abi.Decode(raw, &b))
		require.Equal(t, c, b.Commands[0])
	}
}

func TestLongBatchesAreSplit(t *testing.T) {
	data := make([]byte, 9<<20+8)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	in := gpu.Batch{Commands: []gpu.Command{{Op: gpu.OpWriteBuffer, Buffer: 1, Offset: 12, Data: data}}}
	dispatch := gpu.Command{Op: gpu.OpDispatch, Pipeline: 1, BindGroup: 1, Groups: [3]uint32{1, 2, 3}}
	for range abi.MaxCommands + 5 {
		in.Commands = append(in.Commands, dispatch)
	}
	parts := encode(&in)
	require.Greater(t, len(parts), 4)
	got := make([]byte, len(data)+12)
	dispatches := 0
	for _, p := range parts {
		require.LessOrEqual(t, len(p), abi.MaxBatch)
		var b gpu.Batch
		require.NoError(t, abi.Decode(p, &b))
		for _, c := range b.Commands {
			if c.Op == gpu.OpDispatch {
				dispatches++
				continue
			}
			require.Zero(t, dispatches, "the order changed")
			copy(got[c.Offset:], c.Data)
		}
	}
	require.Equal(t, abi.MaxCommands+5, dispatches)
	require.True(t, bytes.Equal(data, got[12:]))
}

func TestSplittingStopsWhenAsked(t *testing.T) {
	var e abi.Encoder
	b := gpu.Batch{Commands: []gpu.Command{{Op: gpu.OpWriteBuffer, Buffer: 1, Data: make([]byte, 9<<20)}}}
	n := 0
	for range e.Parts(&b) {
		n++
		break
	}
	require.Equal(t, 1, n)
}

func TestBadBatches(t *testing.T) {
	whole := encode(sample())[0]
	var b gpu.Batch
	bounds := map[int]bool{0: true}
	for off, i := 0, 0; i < len(sample().Commands); i++ {
		off += len(abi.Append(nil, &sample().Commands[i]))
		bounds[off] = true
	}
	for n := range whole {
		if err := abi.Decode(whole[:n], &b); bounds[n] {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, fault.Malformed, "cut at %d", n)
		}
	}
	word := func(v ...byte) []byte { return v }
	for name, raw := range map[string][]byte{
		"operation 0":      word(0, 0, 0, 0),
		"operation 11":     word(11, 0, 0, 0),
		"operation 257":    word(1, 1, 0, 0),
		"data of 4 GiB":    append(word(3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0xff, 0xff, 0xff, 0xff),
		"data 1 too long":  append(word(3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 5, 0, 0, 0, 1, 2, 3, 4),
		"negative offset":  word(4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0),
		"4 G of bindings":  word(6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
		"65 entries":       word(8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 65, 0, 0, 0),
		"access 4":         word(6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0),
		"usage 3":          word(1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0),
		"a word too short": word(2, 0, 0, 0, 1, 0, 0),
	} {
		require.ErrorIs(t, abi.Decode(raw, &b), fault.Malformed, name)
	}
	require.ErrorIs(t, abi.Decode(make([]byte, abi.MaxBatch+1), &b), fault.TooLarge)
	many := bytes.Repeat(word(2, 0, 0, 0, 1, 0, 0, 0), abi.MaxCommands+1)
	require.ErrorIs(t, abi.Decode(many, &b), fault.TooLarge)
	require.NoError(t, abi.Decode(many[8:], &b))
}

func TestEncodingNonsensePanics(t *testing.T) {
	require.Panics(t, func() { abi.Append(nil, &gpu.Command{Op: 99}) })
	require.Panics(t, func() {
		encode(&gpu.Batch{Commands: []gpu.Command{{Op: gpu.OpCreatePipeline, WGSL: strings.Repeat("x", abi.MaxBatch)}}})
	})
}

// FuzzDecode: what decodes encodes to the same bytes, padding aside; nothing panics.
func FuzzDecode(f *testing.F) {
	f.Add(encode(sample())[0])
	for _, c := range sample().Commands {
		f.Add(abi.Append(nil, &c))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b gpu.Batch
		if abi.Decode(raw, &b) != nil {
			return
		}
		var again []byte
		for i := range b.Commands {
			again = abi.Append(again, &b.Commands[i])
		}
		require.Len(t, again, len(raw))
		var c gpu.Batch
		require.NoError(t, abi.Decode(again, &c))
		require.Equal(t, b, c)
	})
}

func TestTables(t *testing.T) {
	names := map[string]bool{}
	for _, f := range slices.Concat(abi.Imports, abi.Exports) {
		require.False(t, names[f.Name], f.Name)
		names[f.Name] = true
		require.LessOrEqual(t, len(f.Results), 1)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for name := range names {
		require.Contains(t, string(readme), "`"+name+"`")
	}
	for _, name := range abi.WASI {
		require.Contains(t, string(readme), "`"+name+"`")
	}
	for s := abi.BadRequest; s <= abi.OK; s++ {
		require.NotContains(t, s.String(), "unknown")
	}
	require.Contains(t, abi.Status(-99).String(), "unknown")
}
