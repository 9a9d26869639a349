package evaldata

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// task is one task of LaMP (Salemi et al. 2024) or LongLaMP (Kumar et al. 2024) in which a text is
// written. The input of a question is a sentence around the fields that the entries of the profile
// have by name; it is taken apart, so that a question and the entries have the same form.
type task struct {
	input  *regexp.Regexp
	fields []string    // names of the groups of input
	text   string      // field of a profile entry with the writer's text
	entry  [][2]string // other fields of an entry, and their names as context
}

var tasks = []task{
	{regexp.MustCompile(`(?s)^Generate a headline for the following article: (.*)$`), []string{"article"},
		"title", [][2]string{{"text", "article"}}},
	{regexp.MustCompile(`(?s)^Generate a title for the following abstract of a paper: (.*)$`), []string{"abstract"},
		"title", [][2]string{{"abstract", "abstract"}}},
	{regexp.MustCompile(`(?s)^Generate a subject for the following email: (.*)$`), []string{"email"},
		"title", [][2]string{{"text", "email"}}},
	{regexp.MustCompile(`(?s)^Paraphrase the following tweet without any explanation before or after it: (.*)$`),
		[]string{"tweet"}, "text", nil},
	{regexp.MustCompile(`(?s)^Generate an abstract for the title "(.*?)" using the following items: (.*)$`),
		[]string{"title", "items"}, "abstract", [][2]string{{"title", "title"}}},
	{regexp.MustCompile(`(?s)^Generate the content for a reddit post (.*)$`), []string{"summary"},
		"content", [][2]string{{"summary", "summary"}}},
	{regexp.MustCompile(`(?s)^Generate the review text written by a reviewer who has a given an overall rating of ` +
		`"(.*?)" for a product with description "(.*)"\. The summary of the review text is "(.*)"\.?\s*$`),
		[]string{"rating", "description", "summary"}, "reviewText",
		[][2]string{{"overall", "rating"}, {"description", "description"}, {"summary", "summary"}}},
}

// classification are the beginnings of the inputs whose answer is not a text of the writer.
var classification = []string{"For an author who has written the paper", "Which tag does this movie relate to",
	"What is the score of the following review", "Which category does this article relate to"}

// question reads a question with its profile. All questions of one writer become one writer.
func (b *builder) question(r record) error {
	id, _ := r.scalar("id")
	user, ok := r.scalar("user_id", "reviewerId", "author", "name")
	if !ok {
		user = id
	}
	input, ok := r.scalar("input")
	if !ok {
		return fault.New(fault.Malformed, r.where, "input", "is missing").
			WithRemedy("check the format of the data set")
	}
	for _, start := range classification {
		if strings.HasPrefix(input, start) {
			return fault.New(fault.Unsupported, r.where, "input", "the answer is a class, not a text").
				WithRemedy("use a task in which texts are written: LaMP 4 to 7, LongLaMP")
		}
	}
	for _, t := range tasks {
		if groups := t.input.FindStringSubmatch(input); groups != nil {
			return b.answer(r, user, id, t, groups[1:])
		}
	}
	return fault.New(fault.Unsupported, r.where, "input", "is of no known task: %s", fault.Quote(input)).
		WithRemedy("use LaMP 4 to 7, or LongLaMP's abstracts, posts or reviews")
}

func (b *builder) answer(r record, user, id string, t task, groups []string) error {
	profile, err := r.list("profile")
	if err != nil {
		return err
	}
	for _, p := range profile {
		e := entry{user: user, where: p.where}
		e.text, _ = p.scalar(t.text)
		e.time, _ = p.scalar("date")
		for _, pair := range t.entry {
			value, _ := p.scalar(pair[0])
			if value == "" {
				value = p.paragraphs(pair[0])
			}
			e.context = append(e.context, history.Field{Name: pair[1], Value: value})
		}
		if err := b.add(e); err != nil {
			return err
		}
	}
	e := entry{user: user, where: r.where, fixed: true}
	if b.Format == LongLaMP {
		e.text, _ = r.scalar("output")
	} else {
		e.text = b.golds[id]
	}
	for i, name := range t.fields {
		e.context = append(e.context, history.Field{Name: name, Value: groups[i]})
	}
	return b.add(e)
}

// readOutputs reads {"task": …, "golds": [{"id", "output"}]}.
func (b *builder) readOutputs(questions string) error {
	path := b.Outputs
	if path == "" {
		dir, name := filepath.Split(questions)
		path = filepath.Join(dir, strings.Replace(name, "questions", "outputs", 1))
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || path == filepath.Clean(questions) {
			return fault.New(fault.Missing, path, "", "there are no outputs for the questions").
				WithRemedy("name the file with --outputs; LaMP's test questions have none, so use those of dev")
		}
	}
	b.golds = map[string]string{}
	return each(path, b.Limits, func(r record) error {
		raw, ok := r.get("golds")
		var golds []struct {
			ID     json.RawMessage `json:"id"`
			Output *string         `json:"output"`
		}
		if !ok || json.Unmarshal(raw, &golds) != nil {
			return fault.New(fault.Malformed, r.where, "golds", "is not a list of outputs").
				WithRemedy("name LaMP's file of outputs")
		}
		for i, g := range golds {
			id := ""
			if len(g.ID) > 0 {
				id, ok = scalar(g.ID)
			}
			if !ok || id == "" || g.Output == nil {
				return fault.New(fault.Malformed, r.where, "golds", "output %d has no id or no text", i+1).
					WithRemedy("name LaMP's file of outputs")
			}
			b.golds[id] = *g.Output
		}
		return nil
	})
}
