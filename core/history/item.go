// Package history holds what one person wrote: items with their circumstances, read from the files people have, put in order of
// time, searched for what bears on a new request, and laid out as the prompts a model is trained and asked with.
package history

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Field is one named circumstance of an item: "subject: lunch".
type Field struct {
	Name  string
	Value string
}

// Item is one text and what it was written in answer to. Context keeps its order: the prompt shows it so.
type Item struct {
	ID      string
	Context []Field
	Text    string
	Time    time.Time // UTC; zero when unknown
}

// before is the order of time: by Time, then by place. An item without time comes before all that have one.
func before(items []Item, i, j int) bool {
	if c := items[i].Time.Compare(items[j].Time); c != 0 {
		return c < 0
	}
	return i < j
}

// Sorted gives the items in order of time; equal times keep their order.
func Sorted(items []Item) []Item {
	out := slices.Clone(items)
	slices.SortStableFunc(out, func(a, b Item) int { return a.Time.Compare(b.Time) })
	return out
}

// chronological puts indices into the order of time.
func chronological(items []Item, chosen []int) []int {
	out := slices.Clone(chosen)
	slices.SortFunc(out, func(i, j int) int {
		if i == j {
			return 0
		}
		if before(items, i, j) {
			return -1
		}
		return 1
	})
	return out
}

// assignIDs names the items that came without an ID after their content, so that importing a file again gives the same IDs.
// Equal items are numbered.
func assignIDs(items []Item) {
	taken := make(map[string]bool, len(items))
	for _, it := range items {
		if it.ID != "" {
			taken[it.ID] = true
		}
	}
	copies := map[string]int{}
	for i := range items {
		if items[i].ID != "" {
			continue
		}
		id := contentID(items[i])
		for {
			copies[id]++
			name := id
			if n := copies[id]; n > 1 {
				name = fmt.Sprintf("%s-%d", id, n)
			}
			if !taken[name] {
				taken[name] = true
				items[i].ID = name
				break
			}
		}
	}
}

// contentID is 64 bits of FNV-1a: two texts that share one by chance are told apart by a number, as equal ones are.
func contentID(it Item) string {
	h := fnv.New64a()
	put := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) } // with lengths, so that no two items look alike
	for _, f := range it.Context {
		put(f.Name)
		put(f.Value)
	}
	put(it.Text)
	if !it.Time.IsZero() {
		put(it.Time.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// latest gives the greatest time of the items.
func latest(items []Item) (t time.Time) {
	for _, it := range items {
		if it.Time.After(t) {
			t = it.Time
		}
	}
	return t
}

// WithQuery adds a text yet to be written: an item with context and no text, later than all others. It gives the new list and
// the place of the query in it, for Retriever.Select.
func WithQuery(items []Item, context []Field) (all []Item, query int) {
	all = append(slices.Clip(items), Item{ID: "query", Context: context, Time: latest(items)})
	return all, len(items)
}
