package dataset

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// countingLayout counts how often the empty prompt is laid out.
type countingLayout struct {
	layout
	empty int
}

func (l *countingLayout) prompts(s history.Segments) (with, without []int32, err error) {
	if s == (history.Segments{}) {
		l.empty++
	}
	return l.layout.prompts(s)
}

// TestFixedTokensAreCountedOnce compares the samples of one data set with those of data sets that
// encode one sample each.
func TestFixedTokensAreCountedOnce(t *testing.T) {
	for family := range chatFamilies {
		d := openChat(t, family)
		l := &countingLayout{layout: d.layout}
		d.layout = l
		for i := range d.Items {
			require.Equal(t, whole(t, openChat(t, family), i), whole(t, d, i), "%s %d", family, i)
		}
		require.Equal(t, 1, l.empty)
	}
}

// TestPromptItems checks that the places in a prompt are those of the items that the prompt shows,
// also where no item or only a part of one fits.
func TestPromptItems(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	most := 0
	for limit := 2; limit < 400; limit++ {
		r := api.Retrieval{MaxPrompt: &limit, MaxResponse: new(10)}
		d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "plain", r)
		require.NoError(t, err)
		last := len(d.Items) - 1
		p, err := d.Prompt(d.Items, d.Items[last].Context, d.Select(d.Items, last))
		if err != nil {
			require.ErrorIs(t, err, fault.TooLarge)
			continue
		}
		shown := strings.Count(d.Tokenizer.Decode(p.With), "text:") - 1 // one is the label of the request
		require.Len(t, p.Items, shown, "%d tokens", limit)
		require.True(t, slices.IsSorted(p.Items))
		most = max(most, shown)
	}
	require.Equal(t, 3, most)
}
