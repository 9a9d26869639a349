package history

import "slices"

// Retriever chooses what of a history goes into the prompt for one of its items.
type Retriever interface {
	// Select gives at most k places of items from before items[query] in time, the best first. "Before" is strict: an earlier
	// time, or the same time and an earlier place; so never the query itself and never what was written after it. The query's
	// text is not looked at: it is what the model is to write.
	Select(items []Item, query, k int) []int
}

// earlier lists the places before the query, in order of time.
func earlier(items []Item, query int) []int {
	var out []int
	for i := range items {
		if i != query && before(items, i, query) {
			out = append(out, i)
		}
	}
	return chronological(items, out)
}

// LatestK chooses the newest items.
type LatestK struct{}

// Select implements Retriever; the newest is the best.
func (LatestK) Select(items []Item, query, k int) []int {
	out := earlier(items, query)
	slices.Reverse(out)
	return out[:max(0, min(k, len(out)))]
}
