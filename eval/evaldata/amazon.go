package evaldata

import (
	"encoding/json"
	"strings"

	"nextquill/core/history"
	"nextquill/importer/prose"
)

// amazon reads a review of the public dumps, or {user_id, profile: [reviews], data: review}, in
// which data is the test text. Field names:
//
//	         writer      product            text        review title  rating   time
//	2018     reviewerID  asin               reviewText  summary       overall  unixReviewTime (s)
//	2023     user_id     parent_asin, asin  text        title         rating   timestamp (ms)
//
// The metadata of products (--facts) has asin or parent_asin, title, and description, a list of
// strings.
func (b *builder) amazon(r record) error {
	user, _ := r.scalar("user_id", "reviewerID")
	if _, ok := r.get("data"); !ok {
		return b.review(user, r, false)
	}
	reviews, err := r.list("profile")
	if err != nil {
		return err
	}
	for _, p := range reviews {
		if err := b.review(user, p, false); err != nil {
			return err
		}
	}
	raw, _ := r.get("data")
	last, err := parse(raw, r.where+": data")
	if err != nil {
		return err
	}
	return b.review(user, last, true)
}

func (b *builder) review(user string, r record, fixed bool) error {
	e := entry{user: user, where: r.where, fixed: fixed}
	title := []string{"title"}
	if _, old := r.get("reviewText"); old {
		title = []string{"summary"}
	}
	text, _ := r.scalar("reviewText", "text")
	e.text = plain(text)
	e.time, _ = r.scalar("timestamp", "unixReviewTime", "reviewTime")
	field := func(name, value string) {
		e.context = append(e.context, history.Field{Name: name, Value: plain(value)})
	}
	if product, ok := r.scalar("parent_asin", "asin"); ok {
		facts := b.about(product, r.where)
		name, _ := facts.scalar("title")
		field("product", name)
		field("description", facts.paragraphs("description"))
	}
	rating, _ := r.scalar("overall", "rating")
	field("rating", rating)
	summary, _ := r.scalar(title...)
	field("title", summary)
	return b.add(e)
}

// paragraphs joins a field that is a text or a list of texts.
func (r record) paragraphs(name string) string {
	raw, ok := r.get(name)
	if !ok {
		return ""
	}
	if text, ok := scalar(raw); ok {
		return text
	}
	var parts []string
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	return strings.Join(parts, " ")
}

// plain removes the line breaks and other tags that some reviews have in HTML.
func plain(s string) string {
	if !strings.Contains(s, "<br") && !strings.Contains(s, "</") && !strings.Contains(s, "&#") {
		return s
	}
	text, _ := prose.HTMLText(s, false)
	return text
}
