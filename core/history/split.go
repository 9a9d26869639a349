package history

import (
	"math"

	"nextquill/core/fault"
)

// Split puts the newest items aside for measuring: train followed by heldout is the history in order of time. Equal times keep
// their order. At least one item must be left on each side.
func Split(items []Item, heldout int) (train, held []Item, err error) {
	if heldout < 1 || heldout >= len(items) {
		return nil, nil, fault.New(fault.OutOfRange, "history", "held-out count", "is %d of %d items", heldout, len(items)).
			WithLimit("1 to %d", len(items)-1).WithRemedy("add items, or hold fewer out")
	}
	sorted := Sorted(items)
	n := len(sorted) - heldout
	return sorted[:n:n], sorted[n:], nil
}

// SplitFraction is Split with the count as a part of all items, rounded, and at least one item on each side.
func SplitFraction(items []Item, fraction float64) (train, held []Item, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fault.New(fault.OutOfRange, "history", "held-out fraction", "is %v", fraction).WithLimit("between 0 and 1")
	}
	n := int(math.Round(fraction * float64(len(items))))
	return Split(items, max(1, min(n, len(items)-1)))
}
