package tokenizer

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
)

var goldenNames = []string{"gpt2", "qwen", "llama3", "other", "removed", "chain"}

func golden(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tok, err := Load(t.Context(), blob.FromFS(os.DirFS("testdata")), name+"/tokenizer.json")
	require.NoError(t, err)
	return tok
}

type goldenCase struct {
	Text      string  `json:"text"`
	IDs       []int32 `json:"ids"`
	WithAdded []int32 `json:"with_added"`
	Decoded   string  `json:"decoded"`
}

func goldenCases(t testing.TB, name string) (cases []goldenCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + "/cases.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &cases))
	return cases
}

func TestIDsMatchReference(t *testing.T) {
	for _, name := range append(pieceNames, goldenNames...) {
		t.Run(name, func(t *testing.T) {
			tok := golden(t, name)
			for _, c := range goldenCases(t, name) {
				if len(c.IDs) == 0 {
					c.IDs = nil
				}
				require.Equal(t, c.IDs, tok.Encode(c.Text), "%q", c.Text)
				if c.WithAdded == nil {
					c.WithAdded = c.IDs
				}
				require.Equal(t, c.WithAdded, tok.EncodeWithSpecials(c.Text), "%q", c.Text)
			}
		})
	}
}
