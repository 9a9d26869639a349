package method

import (
	"fmt"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// User is one writer. The parts follow each other in time: all training texts, then validation
// texts, then test texts.
type User struct {
	ID         string
	Train      []history.Item // at least one
	Validation []history.Item // at least one; chooses temperature and steering, never trained on
	Test       []history.Item // at least one
}

// History is what prompts for test texts may use: the training and the validation texts.
func (u User) History() []history.Item {
	return append(append([]history.Item{}, u.Train...), u.Validation...)
}

// Check returns a fault if a part is empty, if a text stands in two parts, if an item has no id of
// its own, or if the items are not in the order of time.
func (u User) Check() error {
	where := "user " + fault.Quote(u.ID)
	seen, ids := map[history.Digest]string{}, map[string]bool{}
	var last history.Item
	for _, part := range []struct {
		name  string
		items []history.Item
	}{{"training", u.Train}, {"validation", u.Validation}, {"test", u.Test}} {
		if len(part.items) == 0 {
			return fault.New(fault.Missing, where, part.name+" texts", "there are none").
				WithRemedy("leave the user out, or give more items")
		}
		for i, it := range part.items {
			field := fmt.Sprintf("%s text %d", part.name, i)
			if it.Text == "" {
				return fault.New(fault.Missing, where, field, "is empty").WithRemedy("leave empty texts out")
			}
			if it.ID == "" || ids[it.ID] {
				return fault.New(fault.Mismatch, where, field, "has no id of its own: %s", fault.Quote(it.ID)).
					WithRemedy("give every item another id")
			}
			ids[it.ID] = true
			text := history.TextDigest(it.Text)
			if other, ok := seen[text]; ok && other != part.name {
				return fault.New(fault.Mismatch, where, field, "is also among the %s texts", other).
					WithRemedy("keep equal texts on one side of the split")
			}
			seen[text] = part.name
			if it.Time.Before(last.Time) {
				return fault.New(fault.Mismatch, where, field, "is earlier than the text before it").
					WithRemedy("sort the items by time")
			}
			last = it
		}
	}
	return nil
}
