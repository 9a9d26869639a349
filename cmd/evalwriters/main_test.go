package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItems(t *testing.T) {
	sentence := strings.Repeat("word ", 29) + "end. " // 30 words
	text := "Title page, which is long enough to be a text.\n\n" +
		"It starts here, with\n_eight_ words, or nine.\n\n" +
		"CHAPTER II\n\n" +
		"   A verse that is indented is left out here.\n\n" +
		"Too short.\n\n" +
		sentence + sentence + sentence + "\n \n" +
		"A table | of numbers | is left out as well here.\n\n" +
		"The last text of the book has eight words.\n\nTHE END comes here, and nothing after it is.\n\nAfter the " +
		"end there are more words here."
	b := book{writer: "W", work: "B", start: "It starts", end: "THE END"}
	var got, before []string
	for _, it := range b.items(text) {
		got = append(got, it.Text)
		before = append(before, string(it.Context.(json.RawMessage)))
	}
	require.Equal(t, []string{strings.TrimSpace(sentence + sentence), strings.TrimSpace(sentence),
		"The last text of the book has eight words."}, got)
	require.Equal(t, `{"work":"B","before":"Too short."}`, before[0])
}

func TestLast(t *testing.T) {
	require.Equal(t, "No?", last(`He said "Yes." No?`))
	long := last(strings.Repeat("abc ", 100) + "end.")
	require.LessOrEqual(t, len(long), maxBefore)
	require.True(t, strings.HasPrefix(long, "abc "))
}
