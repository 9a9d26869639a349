package history

import "slices"

// Retriever selects the items of a history for the prompt of one of its items.
type Retriever interface {
	// Select returns the indices of at most k items before items[query], best first. An item is
	// before another when its time is earlier, or equal with a lower index. So the query itself and
	// later items are never selected. Select does not read the query's text: the model is to write
	// it.
	Select(items []Item, query, k int) []int
}

// earlier lists the indices of the items before the query, in chronological order.
func earlier(items []Item, query int) []int {
	var out []int
	for i := range items {
		if i != query && before(items, i, query) {
			out = append(out, i)
		}
	}
	return chronological(items, out)
}

// LatestK selects the newest items.
type LatestK struct{}

// Select implements Retriever; newer items come first.
func (LatestK) Select(items []Item, query, k int) []int {
	out := earlier(items, query)
	slices.Reverse(out)
	return out[:max(0, min(k, len(out)))]
}
