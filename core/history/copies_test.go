package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCopies(t *testing.T) {
	const text = "Café at noon.\n\nBring Ann, and the 漢字."
	for _, same := range []string{
		text,
		"  Café at noon.\r\n\r\nBring Ann,\tand the  漢字.\n",
		"\ufeffCafé at noon. Bring\u00a0Ann, and the 漢字.",
		"Cafe\u0301 at noon.\n\nBring Ann, and\x00 the 漢字.",
	} {
		require.Equal(t, TextDigest(text), TextDigest(same), "%q", same)
	}
	for _, other := range []string{"", "café at noon.\n\nBring Ann, and the 漢字.", text + ".", "Café at noon.",
		"Café atnoon.\n\nBring Ann, and the 漢字."} {
		require.NotEqual(t, TextDigest(text), TextDigest(other), "%q", other)
	}
}

func TestUnseen(t *testing.T) {
	of := func(texts ...string) (out []Item) {
		for _, text := range texts {
			out = append(out, Item{Text: text})
		}
		return out
	}
	unseen, copies := Unseen(of("a", "b b"), of("c", "b  b", "c", "a\n", "d"))
	require.Equal(t, of("c", "c", "d"), unseen)
	require.Equal(t, 2, copies)
	unseen, copies = Unseen(of("a"), of("a", "a"))
	require.Empty(t, unseen)
	require.Equal(t, 2, copies)
	unseen, copies = Unseen(of("a"), nil)
	require.Empty(t, unseen)
	require.Zero(t, copies)
}
