package generate

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/kernels"
	"nextquill/core/tokenizer"
)

// TestAddStreamsCompleteCharacters adds the tokens of a text one by one: every piece is complete
// UTF-8, the pieces join to the text, and the end token is not part of it.
func TestAddStreamsCompleteCharacters(t *testing.T) {
	data, err := os.ReadFile("../../models/default/tokenizer.json")
	require.NoError(t, err)
	tok, err := tokenizer.Parse("tokenizer.json", data)
	require.NoError(t, err)
	const text = "naïve 日本 🙂 done"
	ids := tok.Encode(text)
	ends := []int32{-1, -2, -3, -4, -5, 0} // more than four, as Llama 3 and Qwen have together
	var r Result
	var pieces []string
	stream := tok.TextStream()
	for _, id := range ids {
		done, err := r.add([]kernels.SampledToken{{ID: uint32(id), LogP: -1}}, ends, stream, func(s string) error {
			pieces = append(pieces, s)
			return nil
		})
		require.NoError(t, err)
		require.False(t, done)
	}
	joined := ""
	for _, p := range pieces {
		require.NotContains(t, p, "\ufffd")
		joined += p
	}
	require.Equal(t, text, joined)
	require.Equal(t, text, r.Text)
	done, err := r.add([]kernels.SampledToken{{ID: 0}, {ID: uint32(ids[0])}}, ends, stream, nil)
	require.NoError(t, err)
	require.True(t, done)
	require.True(t, r.Ended)
	require.Equal(t, ids, r.IDs)
	require.Len(t, r.LogPs, len(ids))
}
