package history

import (
	"math"

	"nextquill/core/fault"
)

// Split holds out the newest items for testing: train followed by held is the history in
// chronological order. Equal times keep their order. Both parts must have at least one item.
func Split(items []Item, heldout int) (train, held []Item, err error) {
	if heldout < 1 || heldout >= len(items) {
		detail := "is %d of %d items"
		return nil, nil, fault.New(fault.OutOfRange, "history", "held-out count", detail, heldout, len(items)).
			WithLimit("1 to %d", len(items)-1).WithRemedy("add items, or hold out fewer")
	}
	sorted := Sorted(items)
	n := len(sorted) - heldout
	return sorted[:n:n], sorted[n:], nil
}

// SplitFraction is Split with the count as a share of all items, rounded, and at least one item in
// each part.
func SplitFraction(items []Item, fraction float64) (train, held []Item, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fault.New(fault.OutOfRange, "history", "held-out fraction", "is %v", fraction).
			WithLimit("between 0 and 1")
	}
	n := int(math.Round(fraction * float64(len(items))))
	return Split(items, max(1, min(n, len(items)-1)))
}
