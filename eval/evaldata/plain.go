package evaldata

import (
	"strconv"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// The names of the fields of plain JSONL that are not context.
var (
	userNames = []string{"user", "user_id", "author", "writer"}
	timeNames = []string{"time", "date", "timestamp"}
)

// reserved are fields that never become context.
var reserved = map[string]bool{"id": true, "text": true, "context": true, "user": true, "user_id": true,
	"author": true, "writer": true, "time": true, "date": true, "timestamp": true, "item": true}

// jsonl reads {"user": …, "items": […]}, or one text with its user. A text has the fields text,
// date (or time), item (the id of its subject, to find facts by), and context: an object, or any
// other fields.
func (b *builder) jsonl(r record) error {
	user, _ := r.scalar(userNames...)
	if _, ok := r.get("items"); !ok {
		return b.plain(user, r)
	}
	items, err := r.list("items")
	if err != nil {
		return err
	}
	for _, it := range items {
		if err := b.plain(user, it); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) plain(user string, r record) error {
	e := entry{user: user, where: r.where}
	e.text, _ = r.scalar("text")
	e.time, _ = r.scalar(timeNames...)
	ok := true
	fields := func(r record) {
		for _, m := range r.members {
			if reserved[m.name] || string(m.value) == "null" {
				continue
			}
			value, scalar := scalar(m.value)
			ok = ok && scalar && len(m.name) <= history.MaxFieldName
			e.context = append(e.context, history.Field{Name: m.name, Value: value})
		}
	}
	if subject, has := r.scalar("item"); has {
		fields(b.about(subject, r.where))
	}
	if raw, has := r.get("context"); has {
		if text, simple := scalar(raw); simple {
			e.context = append(e.context, history.Field{Name: "context", Value: text})
		} else {
			inner, err := parse(raw, r.where)
			if err != nil {
				return err
			}
			fields(inner)
		}
	}
	fields(r)
	if !ok {
		b.tally.add(nestedField, r.where, false, false)
		return nil
	}
	e.context = distinct(e.context)
	return b.add(e)
}

// distinct keeps the first of several fields with one name: those of the text come after the facts.
func distinct(fields []history.Field) []history.Field {
	seen := map[string]bool{}
	var out []history.Field
	for _, f := range fields {
		if !seen[f.Name] {
			seen[f.Name] = true
			out = append(out, f)
		}
	}
	return out
}

// factIDs are the names of the id of a subject in a file of facts.
var factIDs = []string{"item", "parent_asin", "asin", "id"}

// readFacts reads facts about the subjects of texts.
func (b *builder) readFacts(path string) error {
	b.facts = map[string]record{}
	return each(path, b.Limits, func(r record) error {
		id, ok := r.scalar(factIDs...)
		if !ok {
			return fault.New(fault.Missing, r.where, "", "has no id: item, parent_asin or asin").
				WithRemedy("name a file whose records have one of these fields")
		}
		if len(b.facts) == b.Limits.Texts {
			return fault.New(fault.TooLarge, r.where, "", "too many subjects").WithLimit("%d", b.Limits.Texts).
				WithRemedy("use a part of the file")
		}
		b.facts[id] = r
		return nil
	})
}

// about returns the facts about a subject, if a file of facts was given.
func (b *builder) about(subject, where string) record {
	if b.facts == nil {
		return record{}
	}
	r, ok := b.facts[subject]
	if !ok {
		b.tally.add(noFacts, where, true, false)
	}
	return r
}

func count(n int) string { return strconv.Itoa(n) }
