package history

import (
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/internal/jsonx"
)

// Listed selects the items that a caller ranked: for each query, by its ID, the IDs of items, best
// first. Queries without a list get no items.
type Listed map[string][]string

// Bounds of a file of lists.
const (
	maxLists  = 100_000
	maxListed = 1000 // items of one list
)

// ReadListed reads {"query id": ["item id", …], …}. name is the file in error messages.
func ReadListed(name string, data []byte) (Listed, error) {
	lists := Listed{}
	r := jsonx.NewReader(data)
	tooLong := func(query string, limit int) error {
		return fault.New(fault.TooLarge, name, fault.Quote(query), "the list is too long").WithLimit("%d", limit)
	}
	err := r.Object(func(query string) error {
		if len(lists) == maxLists {
			return tooLong(query, maxLists)
		}
		if _, ok := lists[query]; ok {
			return fault.New(fault.Malformed, name, fault.Quote(query), "has two lists")
		}
		lists[query] = []string{}
		return r.Array(func(i int) error {
			if i == maxListed {
				return tooLong(query, maxListed)
			}
			id, err := r.String()
			lists[query] = append(lists[query], id)
			return err
		})
	})
	if err == nil {
		err = r.End()
	}
	if err != nil && fault.KindOf(err) == "" {
		err = fault.New(fault.Malformed, name, "", "is not a JSON object of lists of item ids").WithCause(err)
	}
	return lists, err
}

// Check returns a fault if a list names an item that is not among these.
func (l Listed) Check(name string, items []Item) error {
	known := make(map[string]bool, len(items))
	for _, it := range items {
		known[it.ID] = true
	}
	for query, list := range l {
		for i, id := range list {
			if !known[id] {
				return fault.New(fault.Missing, name, fmt.Sprintf("%s[%d]", fault.Quote(query), i),
					"there is no item with the id %s", fault.Quote(id)).
					WithRemedy("list items of the history")
			}
		}
	}
	return nil
}

// Select implements Retriever. Items that are not before the query are left out.
func (l Listed) Select(items []Item, query, k int) []int {
	list := l[items[query].ID]
	at := make(map[string]int, len(list))
	for i := range items {
		if i != query && before(items, i, query) {
			at[items[i].ID] = i
		}
	}
	var out []int
	for _, id := range list {
		if i, ok := at[id]; ok && len(out) < k {
			out = append(out, i)
			delete(at, id)
		}
	}
	return out
}
