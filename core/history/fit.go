package history

import (
	"sort"
	"unicode/utf8"

	"nextquill/core/fault"
)

// Fit lays out a request so that both of its prompts have at most limit tokens. chosen are indices
// of items, best first, as a Retriever returns them. kept are those that the prompt shows, oldest
// first. Items that do not fit are dropped, worst first. When not even the best item fits, its text
// is truncated at a character. A request whose own context does not fit is a fault.TooLarge.
func (t Template) Fit(
	e Encoder, items []Item, chosen []int, context []Field, limit int,
) (s Segments, kept []int, err error) {
	bare := t.Prompt(nil, context)
	fixed := bare.Encode(e)
	if fixed.Len() > limit {
		detail := "needs %d tokens without any history"
		return bare, nil, fault.New(fault.TooLarge, "request", "context", detail, fixed.Len()).
			WithLimit("%d", limit).WithRemedy("shorten the context, or raise the prompt length")
	}
	room := limit - len(fixed.Prefix) - len(fixed.Suffix)
	fits := func(items []Item) bool {
		return len(e.Encode(t.Prompt(items, context).History)) <= room
	}
	n := t.roughFit(e, items, chosen, room)
	for ; n > 0; n-- { // joined blocks may have a token more than separate ones
		kept = chronological(items, chosen[:n])
		picked := make([]Item, n)
		for i, at := range kept {
			picked[i] = items[at]
		}
		if fits(picked) {
			return t.Prompt(picked, context), kept, nil
		}
	}
	if len(chosen) == 0 {
		return bare, nil, nil
	}
	best := items[chosen[0]]
	best.Text = cut(best.Text, 64*room, func(text string) bool {
		shorter := best
		shorter.Text = text
		return fits([]Item{shorter})
	})
	if best.Text == "" {
		return bare, nil, nil
	}
	return t.Prompt([]Item{best}, context), chosen[:1], nil
}

// roughFit counts how many of the chosen items fit when each block is encoded alone.
func (t Template) roughFit(e Encoder, items []Item, chosen []int, room int) int {
	for n, i := range chosen {
		block := t.Block(items[i])
		if len(block) > 1024*(room+1) { // no token is that long: skip the encoding
			return n
		}
		if room -= len(e.Encode(block)); room < -n { // joining may also save a token
			return n
		}
	}
	return len(chosen)
}

// cut returns a long prefix of text, of at most the given bytes, that fits, or "". It encodes no
// more than that of a text that may have megabytes.
func cut(text string, limit int, fits func(string) bool) string {
	boundary := func(n int) int {
		for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		return n
	}
	// A longer text almost never has fewer tokens. When it does, the loop below steps back to a
	// length that fits.
	n := sort.Search(min(limit, len(text)), func(n int) bool { return !fits(text[:boundary(n+1)]) })
	for n = boundary(n); n > 0 && !fits(text[:n]); n = boundary(n - 1) {
	}
	return text[:n]
}
