// Package history represents the texts that one person wrote, and makes prompts from them.
//
//	ReadJSONL, WriteJSONL  the exchange format; package importer reads the files that people have
//	Split, SplitFraction   hold out the newest items for testing
//	LatestK, BM25          retrieve items for a request
//	Template               lays out the prompts with and without history
package history

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"nextquill/core/internal/sorted"
)

// Field is one named part of an item's context, such as "subject: lunch".
type Field struct {
	Name  string
	Value string
}

// Item is one text and the context that it was written in.
type Item struct {
	ID      string
	Context []Field // in the order of the prompt
	Text    string
	Time    time.Time // UTC; zero when unknown
}

// before reports whether items[i] comes before items[j] in chronological order: by Time, then by
// index. Items without a time come first.
func before(items []Item, i, j int) bool {
	if c := items[i].Time.Compare(items[j].Time); c != 0 {
		return c < 0
	}
	return i < j
}

// Sorted returns the items in chronological order; equal times keep their order.
func Sorted(items []Item) []Item {
	out := slices.Clone(items)
	sorted.By(out, func(a, b *Item) int { return a.Time.Compare(b.Time) })
	return out
}

// chronological returns the indices in chronological order.
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

// AssignIDs derives missing IDs from the content, so that importing a file again gives the same
// IDs. Equal items are numbered.
func AssignIDs(items []Item) {
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

// contentID is 64 bits of FNV-1a. On a collision AssignIDs adds a number.
func contentID(it Item) string {
	h := fnv.New64a()
	put := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) } // lengths make the encoding unambiguous
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

// latest is the latest time of the items.
func latest(items []Item) (t time.Time) {
	for _, it := range items {
		if it.Time.After(t) {
			t = it.Time
		}
	}
	return t
}

// WithQuery appends a text that is yet to be written: an item with context and no text, later than
// all others. It returns the new list and the index of the query in it, for Retriever.Select.
func WithQuery(items []Item, context []Field) (all []Item, query int) {
	all = append(slices.Clip(items), Item{ID: "query", Context: context, Time: latest(items)})
	return all, len(items)
}
