package history

import (
	"strings"

	"nextquill/core/fault"
)

// collector gathers items and checks their text, context fields and ids.
type collector struct {
	s     *source
	items []Item
	ids   map[string]bool
}

func (c *collector) add(it Item) error {
	if len(c.items) == c.s.lim.Items {
		return c.s.fault(fault.TooLarge, "too many items").WithLimit("%d", c.s.lim.Items).
			WithRemedy("leave the oldest out")
	}
	if strings.TrimSpace(it.Text) == "" {
		return c.s.fault(fault.Missing, "the item has no text").WithRemedy("remove it, or give it a text")
	}
	if len(it.Context) > MaxFields {
		return c.s.fault(fault.TooLarge, "the item has %d context fields", len(it.Context)).
			WithLimit("%d", MaxFields).WithRemedy("leave some out, or join them into one")
	}
	names := map[string]bool{}
	for _, f := range it.Context {
		name := fault.Quote(f.Name)
		switch {
		case f.Name == "" || strings.ContainsAny(f.Name, "\r\n"):
			return c.s.fault(fault.Malformed, "a context field is named %s", name).
				WithRemedy("use one line of text as its name")
		case len(f.Name) > MaxFieldName:
			return c.s.fault(fault.TooLarge, "a context field is named %s", name).WithLimit("%d bytes", MaxFieldName).
				WithRemedy("use a shorter name")
		case names[f.Name]:
			return c.s.fault(fault.Malformed, "the context field %s is given twice", name).
				WithRemedy("rename one of the two")
		}
		names[f.Name] = true
	}
	if it.ID != "" {
		if c.ids[it.ID] {
			return c.s.fault(fault.Malformed, "the id %s was used before", fault.Quote(it.ID)).
				WithRemedy("make ids unique, or leave them out")
		}
		if c.ids == nil {
			c.ids = map[string]bool{}
		}
		c.ids[it.ID] = true
	}
	c.items = append(c.items, it)
	return nil
}

// done returns the items in the order of the file. No items are a fault: the file is probably not
// what the caller meant.
func (c *collector) done() ([]Item, error) {
	if len(c.items) == 0 {
		return nil, fault.New(fault.Missing, c.s.name, "", "holds no item").WithRemedy("add at least one text")
	}
	AssignIDs(c.items)
	return c.items, nil
}
