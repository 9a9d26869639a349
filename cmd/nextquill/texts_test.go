package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
)

func TestTextNotes(t *testing.T) {
	plain := api.TextCounts{Texts: 20, Windows: 20, Tokens: 900}
	require.Empty(t, textNotes("training", plain))
	require.Equal(t, "20, the newest", textsFact("the newest", plain))
	n := api.TextCounts{
		Texts: 20, Windows: 27, Long: 3, Tokens: 9000, Copies: 2, Skipped: 4,
		SkippedItems: []api.SkippedItem{{ID: "17", Reason: "request: context: needs 700 tokens"}, {ID: "18"}},
	}
	require.Equal(t, []string{
		"3 of 20 held-out texts are longer than a window; the texts make 27 windows",
		"2 held-out texts are left out: they are also training texts",
		"4 of 24 held-out texts are left out: their context is too long; " +
			"the first is 17: request: context: needs 700 tokens",
	}, textNotes("held-out", n))
	require.Equal(t, "20, newer; 3 longer than a window, 27 windows in all; 2 left out, also training texts; "+
		"4 left out, their context is too long", textsFact("newer", n))
}
