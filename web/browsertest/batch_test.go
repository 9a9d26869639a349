package browsertest_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/wasm/abi"
)

// batches decodes the pinned bytes of every command as Go does, and refuses malformed batches.
func (b *hostPage) batches(t *testing.T) {
	pinned, err := os.ReadFile("../../wasm/abi/testdata/batch.hex")
	require.NoError(t, err)
	whole, err := hex.DecodeString(strings.Join(strings.Fields(string(pinned)), ""))
	require.NoError(t, err)
	type object = map[string]any
	var got []object
	require.NoError(t, b.CallHarness(t.Context(), &got, "decode", whole))
	require.Equal(t, []object{
		{"op": "createBuffer", "buffer": 1., "size": float64(5 << 32), "uniform": false, "name": "weights"},
		{"op": "createBuffer", "buffer": 2., "size": 16., "uniform": true, "name": ""},
		{"op": "writeBuffer", "buffer": 1., "offset": float64(1 << 33), "data": "12345678"},
		{"op": "clearBuffer", "buffer": 1., "offset": 4., "size": float64(1 << 34)},
		{"op": "copyBuffer", "source": 1., "sourceOffset": 8., "buffer": 2., "offset": 4., "size": 12.},
		{"op": "createPipeline", "pipeline": 3., "name": "é", "wgsl": "fn main() {}", "bindings": []any{1., 2., 3.}},
		{"op": "createBindGroup", "group": 4., "pipeline": 3., "entries": []any{
			object{"buffer": 1., "offset": 256., "size": float64(1 << 35)},
			object{"buffer": 2., "offset": 0., "size": 16.},
		}},
		{"op": "dispatch", "pipeline": 3., "group": 4., "x": 1., "y": 65535., "z": float64(1<<32 - 1)},
		{"op": "destroyBindGroup", "group": 4.},
		{"op": "destroyPipeline", "pipeline": 3.},
		{"op": "destroyBuffer", "buffer": 1.},
	}, got)

	words := func(v ...uint32) (raw []byte) {
		for _, w := range v {
			raw = append(raw, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
		}
		return raw
	}
	for name, raw := range map[string][]byte{
		"operation 0":      words(0),
		"operation 11":     words(11, 0),
		"data of 4 GiB":    words(3, 1, 0, 0, 1<<32-1),
		"data 1 too long":  words(3, 1, 0, 0, 5, 0),
		"negative offset":  words(4, 1, 0, 1<<31, 0, 0),
		"4 G of bindings":  words(6, 1, 0, 0, 1<<32-1),
		"65 entries":       words(8, 1, 1, 65),
		"access 4":         words(6, 1, 0, 0, 1, 4),
		"usage 3":          words(1, 1, 4, 0, 3, 0),
		"a word too short": words(2, 1)[:7],
		"cut":              whole[:len(whole)-4],
	} {
		require.ErrorIs(t, b.CallHarness(t.Context(), nil, "decode", raw), fault.Malformed, name)
	}
	many := make([]byte, 0, 8*(abi.MaxCommands+1))
	for range abi.MaxCommands + 1 {
		many = append(many, words(2, 1)...)
	}
	require.ErrorIs(t, b.CallHarness(t.Context(), nil, "decode", many), fault.TooLarge)
}
