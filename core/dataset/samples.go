package dataset

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
)

// Samples are encoded items: one sample for each window of each text.
type Samples struct {
	Samples []causal.Sample
	Index   []int // place in Dataset.Items of the item of each sample
	Counts  api.TextCounts
}

// maxSkipped is the number of skipped items that are named.
const maxSkipped = 5

// Samples encodes the items from..to. Items whose context does not fit are skipped, counted and
// named. pause is called between items; its error ends the work.
func (d *Dataset) Samples(ctx context.Context, pause func(context.Context) error, from, to int,
	noHistory bool) (Samples, error) {
	var out Samples
	n := &out.Counts
	for i := from; i < to; i++ {
		if err := pause(ctx); err != nil {
			return Samples{}, err
		}
		windows, err := d.Item(i, noHistory)
		if fault.KindOf(err) == fault.TooLarge {
			n.Skipped++
			if len(n.SkippedItems) < maxSkipped {
				n.SkippedItems = append(n.SkippedItems, api.SkippedItem{ID: d.Items[i].ID, Reason: err.Error()})
			}
			continue
		}
		if err != nil {
			return Samples{}, err
		}
		n.Texts++
		n.Windows += len(windows)
		if len(windows) > 1 {
			n.Long++
		}
		for _, s := range windows {
			n.Tokens += len(s.Response)
			out.Samples = append(out.Samples, s)
			out.Index = append(out.Index, i)
		}
	}
	return out, nil
}

// Texts are the places in Dataset.Items of the encoded items.
func (s Samples) Texts() (items []int) {
	for i, at := range s.Index {
		if i == 0 || at != s.Index[i-1] {
			items = append(items, at)
		}
	}
	return items
}
