package shrink

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// points is a function with a table of three points, the last of them empty. The parts are the code behind each.
func points(table []byte, first, second []byte) []byte {
	return bytes.Join([][]byte{
		{opGlobalGet, 0, opLocalSet, 1, opBlock, voidBlock, opLoop, voidBlock, opBlock, voidBlock, opBlock, voidBlock, opBlock, voidBlock},
		{opLocalGet, 0, opBrTable, byte(len(table) - 1)}, table, {opEnd}, first, {opEnd}, second, {opEnd},
		{opEnd, opUnreachable, opEnd, opI32Const, 1, opEnd},
	}, nil)
}

func TestFlow(t *testing.T) {
	const function = 0
	call := func(place byte) []byte { // calls function 9 and leaves a program counter
		return bytes.Join([][]byte{{opLocalGet, 1}, constant(firstPC<<placeBits + int64(place)).text, {opStore + 1, 3, 0, opI32Const, 0, opCall, 9}}, nil)
	}
	jump := func(place, depth byte) []byte { return []byte{opI32Const, place, opLocalSet, 0, opBr, depth} }
	maybe := func(code []byte) []byte {
		return bytes.Join([][]byte{{opLocalGet, 2, opI32WrapI64, opIf, voidBlock}, code, {opEnd}}, nil)
	}
	use := []byte{opLocalGet, 2, opLocalSet, 3}
	text := func(code []byte) (out string) {
		all, err := decode(&reader{b: code})
		require.NoError(t, err)
		for _, i := range all {
			out += fmt.Sprintf("%x ", i.text)
		}
		return out
	}
	table := []byte{0, 0, 1, 2}
	rewrite := func(code []byte) (string, bool, bool) {
		all, err := decode(&reader{b: code})
		require.NoError(t, err)
		out, counted, ok := rewriteFlow(all, function, runtimeFunctions{-1, -1, -1}, false)
		var b []byte
		for _, i := range out {
			b = append(b, i.text...)
		}
		return text(b), counted, ok
	}

	// Without calls nothing is counted, and no local moves: one that the compiler uses would change its value.
	got, counted, ok := rewrite(points(table, maybe(jump(3, 3)), append(use, jump(2, 1)...)))
	require.True(t, ok)
	require.False(t, counted)
	require.Equal(t, text(points(table, []byte{opLocalGet, 2, opI32WrapI64, opBrIf, 1}, append(use, jump(2, 1)...))), got)

	// A call's counter is that of the place before it and a difference. Code that falls into a point counts before the point's block ends,
	// where jumps to it do not come by.
	got, counted, ok = rewrite(points(table, maybe(jump(2, 3)), append(call(3), jump(2, 1)...)))
	require.True(t, ok)
	require.True(t, counted)
	counts := func(d byte, set byte) string {
		return text([]byte{opLocalGet, 2, opI64Const, d, opI64Add, set, 2})
	}
	require.Contains(t, got, text([]byte{opLocalGet, 3, opI32WrapI64, opIf, voidBlock})+counts(2, opLocalSet)+text([]byte{opBr, 1, opEnd})+counts(2, opLocalSet)+text([]byte{opEnd}), "%s", got)
	require.Contains(t, got, text([]byte{opLocalGet, 1})+counts(1, opLocalTee)+text([]byte{opStore + 1, 3, 0}))
	require.Contains(t, got, counts(0x7f, opLocalSet)+text([]byte{opBr, 1}), "back: the counter is the point's place again")

	// What is not understood stays.
	for name, code := range map[string][]byte{
		"a branch to the loop without a place":  points(table, []byte{opBr, 2}, nil),
		"a branch to a point":                   points(table, []byte{opBr, 0}, nil),
		"a call that comes back within a point": points(table, append(call(1), opLocalSet, 0, opLocalGet, 0, opDrop), nil),
		"a table out of order":                  points([]byte{0, 2, 1, 2}, nil, nil),
	} {
		_, _, ok := rewrite(code)
		require.False(t, ok, name)
	}
}
