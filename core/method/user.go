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

// Check returns a fault if a part is empty, or if a text stands in two parts.
func (u User) Check() error {
	where := "user " + fault.Quote(u.ID)
	seen := map[string]string{}
	for _, part := range []struct {
		name  string
		items []history.Item
	}{{"training", u.Train}, {"validation", u.Validation}, {"test", u.Test}} {
		if len(part.items) == 0 {
			return fault.New(fault.Missing, where, part.name+" texts", "there are none").
				WithRemedy("leave the user out, or give more items")
		}
		for i, it := range part.items {
			if it.Text == "" {
				return fault.New(fault.Missing, where, fmt.Sprintf("%s text %d", part.name, i), "is empty")
			}
			if other, ok := seen[it.Text]; ok && other != part.name {
				return fault.New(fault.Mismatch, where, fmt.Sprintf("%s text %d", part.name, i),
					"is also among the %s texts", other).WithRemedy("keep equal texts on one side of the split")
			}
			seen[it.Text] = part.name
		}
	}
	return nil
}
