package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// line is an item of JSON Lines. Its text has this many words, and differs from other items by day.
func line(day, words int, subject string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Day %d:", day)
	for i := range words {
		fmt.Fprintf(&text, " word%d", (i*7+day)%23)
	}
	raw, _ := json.Marshal(map[string]any{
		"id": fmt.Sprint("day ", day), "context": map[string]string{"subject": subject}, "text": text.String(),
		"time": fmt.Sprintf("2024-03-%02d", day),
	})
	return string(raw) + "\n"
}

// TestEveryTokenOfATextIsPredictedOnce checks, for texts from a few tokens to many windows: the new
// tokens of the windows are the text with its end token; no window is too long; both branches have
// the same preceding tokens; a text that fits is one window; a short one is what it was when longer
// texts were cut.
func TestEveryTokenOfATextIsPredictedOnce(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	cfg.MaxPositions = 512
	var lines strings.Builder
	for day := 1; day <= 28; day++ {
		lines.WriteString(line(day, 2+day*day/2, "the same"))
	}
	require.NoError(t, store.Write(t.Context(), "h.jsonl", []byte(lines.String())))
	for _, template := range []string{"plain", "chat"} {
		d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, template, api.Retrieval{})
		require.NoError(t, err)
		require.Equal(t, []int{384, 128}, []int{d.MaxPrompt, d.MaxResponse})
		most := 0
		for i, it := range d.Items {
			y, err := d.layout.response(it.Text)
			require.NoError(t, err)
			windows, err := d.Item(i, false)
			require.NoError(t, err)
			text, err := d.Text(d.Items, i, d.Select(d.Items, i))
			require.NoError(t, err)
			var joined []int32
			for _, s := range windows {
				require.LessOrEqual(t, max(len(s.With), len(s.Without))+len(s.Response), cfg.MaxPositions)
				before := s.With[len(text.Prompt.With):]
				require.Equal(t, text.Prompt.With, s.With[:len(text.Prompt.With)])
				require.Equal(t, slices.Concat(text.Prompt.Without, before), s.Without)
				require.True(t, slices.Equal(joined[len(joined)-len(before):], before))
				joined = append(joined, s.Response...)
			}
			require.Equal(t, y, joined)
			most = max(most, len(windows))
			erased, err := d.Item(i, true)
			require.NoError(t, err)
			require.Len(t, erased, len(windows))
			for k := range erased {
				require.Equal(t, windows[k].Response, erased[k].Response)
				require.Equal(t, windows[k].Without, erased[k].With)
			}
			if len(y) <= cfg.MaxPositions/2 {
				require.Len(t, windows, 1)
			}
			if len(y) <= d.MaxResponse {
				p, err := d.Prompt(d.Items, it.Context, d.Select(d.Items, i))
				require.NoError(t, err)
				require.Equal(t, []causal.Sample{{With: p.With, Without: p.Without, Response: y}}, windows)
			}
		}
		require.Greater(t, most, 3)

		samples, err := d.Samples(t.Context(), noPause, 0, len(d.Items), false)
		require.NoError(t, err)
		tokens, long := 0, 0
		for i, ys := range Join(samples.Index, responses(samples.Samples)) {
			y, err := d.layout.response(d.Items[samples.Texts()[i]].Text)
			require.NoError(t, err)
			require.Equal(t, y, ys)
			tokens += len(y)
		}
		for i, at := range samples.Index {
			if i > 0 && at == samples.Index[i-1] && (i == 1 || at != samples.Index[i-2]) {
				long++
			}
		}
		require.Equal(t, api.TextCounts{
			Texts: len(d.Items), Windows: len(samples.Samples), Long: long, Tokens: tokens,
		}, samples.Counts)
	}
}

func responses(samples []causal.Sample) (out [][]int32) {
	for _, s := range samples {
		out = append(out, s.Response)
	}
	return out
}

// TestALongContextLeavesHistoryOut: a context of more than half a window still fits, without
// earlier texts; one that leaves no room for a text is skipped and named.
func TestALongContextLeavesHistoryOut(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	cfg.MaxPositions = 512
	var subject string
	for n := 10; ; n++ { // a context of between 256 and 384 tokens
		subject = strings.Repeat("w", n)
		require.NoError(t, store.Write(t.Context(), "h.jsonl", []byte(
			line(1, 3, "short")+line(2, 300, subject)+line(3, 300, strings.Repeat("w", 3*n)))))
		d, err := openData(t, store, cfg, api.Source{History: "h.jsonl"}, "plain", api.Retrieval{})
		require.NoError(t, err)
		p, err := d.Prompt(nil, d.Items[1].Context, nil)
		require.NoError(t, err)
		if len(p.With) <= 256 {
			continue
		}
		require.LessOrEqual(t, len(p.With), 384)
		text, err := d.Text(d.Items, 1, d.Select(d.Items, 1))
		require.NoError(t, err)
		require.Empty(t, text.Prompt.Items)
		require.Greater(t, len(text.Windows(text.Prompt)), 1)
		_, err = d.Text(d.Items, 2, nil)
		require.ErrorIs(t, err, fault.TooLarge)
		return
	}
}

// TestCopiesAreOnOneSide: a held-out text that equals a training text, up to white space, is left
// out, with a split and with a file. Nor does the prompt of a text show a copy of it.
func TestCopiesAreOnOneSide(t *testing.T) {
	store, cfg := chatStore(t, "qwen3")
	text := func(s string) string { return fmt.Sprintf(`{"text":%q}`+"\n", s) }
	older := text("One.") + text("Same text.") + text("Two.") + text("Same\u00a0 text.") + text("Three.") +
		text("Four.") + text("Same text.")
	newer := text("Same  text. ") + text("Five.") + text("One.")
	require.NoError(t, store.Write(t.Context(), "all.jsonl", []byte(older+newer)))
	require.NoError(t, store.Write(t.Context(), "older.jsonl", []byte(older)))
	require.NoError(t, store.Write(t.Context(), "newer.jsonl", []byte(newer)))
	for _, src := range []api.Source{
		{History: "all.jsonl", HeldoutFraction: new(.3)}, {History: "older.jsonl", Heldout: "newer.jsonl"},
	} {
		d, err := openData(t, store, cfg, src, "plain", api.Retrieval{K: new(4)})
		require.NoError(t, err)
		require.Equal(t, 2, d.Copies)
		require.Equal(t, 7, d.Train)
		require.Len(t, d.Items, 8)
		require.Equal(t, "Five.", d.Items[7].Text)
		require.Equal(t, []int{5, 4, 2, 0}, d.Select(d.Items, 6))
		require.Equal(t, []int{2, 0}, d.Select(d.Items, 3))
		require.Equal(t, []int{6, 5, 4, 3}, d.Select(d.Items, 7), "copies of other texts stay")
		items, at := history.WithQuery(d.Items, nil)
		require.Equal(t, []int{7, 6, 5, 4}, d.Select(items, at))
		items[at].Text = " Same text."
		require.Equal(t, []int{7, 5, 4, 2}, d.Select(items, at))
	}
	src := api.Source{History: "older.jsonl", Heldout: "older.jsonl"}
	d, err := openData(t, store, cfg, src, "plain", api.Retrieval{K: new(4)})
	require.NoError(t, err)
	require.Zero(t, d.Heldout())
	require.Equal(t, 7, d.Copies)
	src.History = "" // for a test without history
	d, err = openData(t, store, cfg, src, "plain", api.Retrieval{K: new(4)})
	require.NoError(t, err)
	require.Equal(t, []int{0, 7, 0}, []int{d.Train, d.Heldout(), d.Copies})
}
