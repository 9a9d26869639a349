package gguf_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/weights/gguf"
	g "nextquill/core/weights/gguf/gguftest"
)

var update = flag.Bool("update", false, "write testdata/attacks anew")

const big = 1 << 62

// entry is a file with one metadata entry; kind and value are given as bytes.
func entry(value ...string) string { return g.Start(3, 0, 1) + g.Text("k") + strings.Join(value, "") }

// tensors is a file with n bytes of tensor data.
func tensors(n int, list ...g.Tensor) string {
	return g.File{Tensors: list, Data: make([]byte, n)}.Encode()
}

// f32 is a vector of n values at an offset.
func f32(name string, n, offset uint64) g.Tensor {
	return g.Tensor{Name: name, Dims: []uint64{n}, Offset: offset}
}

func aligned(value any) string {
	return g.File{Metadata: []g.Entry{{Key: "general.alignment", Value: value}}, Tensors: []g.Tensor{f32("x", 4, 0)},
		Data: make([]byte, 16)}.Encode()
}

// attacks are hostile or damaged files and the faults that they must give. They are stored in
// testdata/attacks (written by go test -update), so that other readers can be tested with them.
var attacks = []struct {
	name, content string
	kind          fault.Kind
	message       string // part of it
}{
	{"empty", "", fault.Malformed, "header: needs 4 bytes at byte 0, but the file has 0"},
	{"magic", "GGML" + g.U32(3) + g.U64(0) + g.U64(0), fault.Malformed, `starts with "GGML" instead of "GGUF"`},
	{"magic-only", "GGUF", fault.Malformed, "the file has 4"},
	{"version-1", g.Start(1, 0, 0), fault.Unsupported, "version 1 (limit versions 2 and 3)"},
	{"version-far", g.Start(4000000001, 0, 0), fault.Unsupported, "version 4000000001"},
	{"big-endian", g.Start(3<<24, 0, 0), fault.Unsupported, "big-endian"},
	{"tensors-huge", g.Start(3, big, 0), fault.TooLarge, "4611686018427387904 tensors (limit 100000)"},
	{"tensors-absent", g.Start(3, 9999, 0), fault.Malformed, "9999 tensors do not fit in the"},
	{"entries-huge", g.Start(3, 0, 1<<63), fault.TooLarge, "9223372036854775808 metadata entries (limit 65536)"},
	{"entries-absent", g.Start(3, 0, 65536), fault.Malformed,
		"65536 metadata entries do not fit in the remaining 0 bytes"},
	{"key-huge", g.Start(3, 0, 1) + g.U64(big) + strings.Repeat("k", 20), fault.TooLarge,
		"metadata[0]: the key is 4611686018427387904 bytes long"},
	{"key-past-end", g.Start(3, 0, 1) + g.U64(60000) + strings.Repeat("k", 20), fault.Malformed, "needs 60000 bytes"},
	{"key-empty", g.Start(3, 0, 1) + g.Text("") + g.U32(7) + "\x01", fault.Malformed, `has the key ""`},
	{"key-not-utf8", g.Start(3, 0, 1) + g.Text("\xff") + g.U32(7) + "\x01", fault.Malformed, `has the key "\xff"`},
	{"key-twice", g.Start(3, 0, 2) + strings.Repeat(g.Text("k")+g.U32(7)+"\x01", 2), fault.Malformed,
		`metadata "k": appears twice`},
	{"kind-unknown", entry(g.U32(13), g.U64(0)), fault.Malformed, `metadata "k": has a value of unknown kind 13`},
	{"kind-far", entry(g.U32(1<<31), g.U64(0)), fault.Malformed, "kind 2147483648"},
	{"bool-two", entry(g.U32(7), "\x02"), fault.Malformed, "a bool with value 2"},
	{"string-huge", entry(g.U32(8), g.U64(big)), fault.TooLarge,
		"a string is 4611686018427387904 bytes long (limit 4194304 bytes)"},
	{"string-wraps", entry(g.U32(8), g.U64(1<<64-1)), fault.TooLarge, "18446744073709551615 bytes long"},
	{"string-past-end", entry(g.U32(8), g.U64(100), "short"), fault.Malformed, "needs 100 bytes"},
	{"array-huge", entry(g.U32(9), g.U32(0), g.U64(big)), fault.TooLarge,
		"4611686018427387904 elements (limit 4194304)"},
	{"array-absent", entry(g.U32(9), g.U32(8), g.U64(4000000)), fault.Malformed,
		"4000000 elements do not fit in the remaining 0 bytes"},
	{"array-kind", entry(g.U32(9), g.U32(99), g.U64(1), "\x00"), fault.Malformed, "unknown kind 99"},
	{"array-deep", entry(g.U32(9), strings.Repeat(g.U32(9)+g.U64(1), 500), g.U32(0), g.U64(0)), fault.TooLarge,
		"nested too deeply (limit 2)"},
	{"array-string-cut", entry(g.U32(9), g.U32(8), g.U64(2), g.Text("whole"), g.U64(9)), fault.Malformed,
		"needs 9 bytes"},
	{"alignment-zero", aligned(uint32(0)), fault.OutOfRange, `metadata "general.alignment": is 0`},
	{"alignment-odd", aligned(uint32(24)), fault.OutOfRange, "is 24, which is not a power of two"},
	{"alignment-huge", aligned(uint64(big)), fault.OutOfRange, "limit 1 to 1048576"},
	{"alignment-text", aligned("32"), fault.OutOfRange, "is 32, which is not a power of two"},
	{"name-long", tensors(16, f32(strings.Repeat("x", 300), 4, 0)), fault.TooLarge,
		"tensors[0]: the name is 300 bytes long (limit 256 bytes)"},
	{"name-empty", tensors(16, f32("", 4, 0)), fault.Malformed, "is an empty or repeated name"},
	{"name-twice", tensors(64, f32("x", 4, 0), f32("x", 4, 32)), fault.Malformed,
		`tensor "x": is an empty or repeated name`},
	{"rank-zero", tensors(16, g.Tensor{Name: "x"}), fault.OutOfRange, "0 dimensions (limit 1 to 4)"},
	{"rank-huge", g.Start(3, 1, 0) + g.Text("x") + g.U32(1<<31) + strings.Repeat("\x00", 64), fault.OutOfRange,
		"2147483648 dimensions"},
	{"dims-zero", tensors(16, f32("x", 0, 0)), fault.TooLarge, "a dimension of 0"},
	{"dims-wrap", tensors(16, g.Tensor{Name: "x", Dims: []uint64{1 << 32, 1 << 32, 4}}), fault.TooLarge,
		"limit 1 to 2^46 values"},
	{"dims-negative", tensors(16, f32("x", 1<<63, 0)), fault.TooLarge, "dimension of 9223372036854775808"},
	{"type-unread", tensors(16, g.Tensor{Name: "x", Dims: []uint64{256}, Type: 10}), fault.Unsupported,
		`tensor "x": has the type Q2_K; use a file in one of [F32 F16`},
	{"type-given-up", tensors(16, g.Tensor{Name: "x", Dims: []uint64{256}, Type: 4}), fault.Unsupported,
		"has the type number 4"},
	{"type-unknown", tensors(16, g.Tensor{Name: "x", Dims: []uint64{256}, Type: 1 << 31}), fault.Unsupported,
		"number 2147483648"},
	{"row-cut", tensors(64, g.Tensor{Name: "x", Dims: []uint64{33, 32}, Type: 2}), fault.Malformed,
		"rows of 33 values, but Q4_0 has blocks of 32"},
	{"past-end", tensors(15, f32("x", 4, 0)), fault.Malformed, "the file is truncated"},
	{"far", tensors(16, f32("x", 4, 1<<40)), fault.Malformed, "starts at byte 1099511627776 of the data"},
	{"offset-wraps", tensors(16, f32("x", 4, 1<<64-32)), fault.Malformed, "starts at byte 18446744073709551584"},
	{"not-aligned", tensors(64, f32("x", 4, 16)), fault.Malformed, "not aligned (limit multiples of 32)"},
	{"overlap", tensors(128, f32("x", 16, 0), f32("y", 4, 32)), fault.Malformed,
		`tensor "y": overlaps the previous tensor by 32 bytes`},
	{"same-bytes", tensors(128, f32("x", 4, 32), f32("y", 4, 32)), fault.Malformed, "overlaps"},
	{"no-data", strings.TrimRight(tensors(0, f32("x", 4, 0)), "\x00") + strings.Repeat("\x00", 12), fault.Malformed,
		"truncated"},
}

func TestAttacks(t *testing.T) {
	if *update {
		require.NoError(t, os.RemoveAll("testdata/attacks"))
		require.NoError(t, os.MkdirAll("testdata/attacks", 0o755))
		for _, a := range attacks {
			require.NoError(t, os.WriteFile("testdata/attacks/"+a.name+".gguf", []byte(a.content), 0o644))
		}
	}
	files, err := testdata.List(t.Context(), "attacks/")
	require.NoError(t, err)
	require.Len(t, files, len(attacks))
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			name := "attacks/" + a.name + ".gguf"
			content, err := blob.ReadAll(t.Context(), testdata, name, 1e6)
			require.NoError(t, err)
			require.Equal(t, a.content, string(content))
			_, err = gguf.Open(t.Context(), testdata, name)
			require.ErrorContains(t, err, a.message)
			require.Equal(t, a.kind, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, name, "the file is named")
			require.Less(t, len(err.Error()), 500)
		})
	}
}

// FuzzOpen checks that any bytes give a typed fault, or a file whose every tensor can be unpacked.
func FuzzOpen(f *testing.F) {
	for _, a := range attacks {
		f.Add([]byte(a.content))
	}
	f.Add([]byte(g.File{Metadata: []g.Entry{{Key: "s", Value: []string{"a", "b"}}, {Key: "n", Value: uint64(1)}},
		Tensors: []g.Tensor{{Name: "x", Dims: []uint64{32, 2}, Type: 8}, f32("y", 4, 96)},
		Data:    make([]byte, 112)}.Encode()))
	f.Fuzz(func(t *testing.T, data []byte) {
		store := blob.NewMem(map[string][]byte{"f": data})
		file, err := gguf.Open(t.Context(), store, "f")
		if err != nil {
			require.NotEmpty(t, fault.KindOf(err))
			return
		}
		end := int64(0)
		for _, tensor := range file.Tensors {
			require.LessOrEqual(t, end, tensor.Begin)
			end = tensor.End
			values := 1
			for _, d := range tensor.Shape {
				values *= d
			}
			packed := make([]byte, tensor.End-tensor.Begin)
			require.NoError(t, store.ReadAt(t.Context(), "f", packed, tensor.Begin))
			gguf.Dequantise(tensor.Type, make([]float32, values), packed)
		}
		require.LessOrEqual(t, end, int64(len(data)))
	})
}
