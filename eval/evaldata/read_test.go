package evaldata

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// write stores a file of a data set and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func compressed(t testing.TB, content string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// reasons are the counts of what was left out.
func reasons(list []Dropped) map[string]int {
	out := map[string]int{}
	for _, d := range list {
		out[d.Reason] = d.Count
	}
	return out
}

func day(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }

const critics = `{"user": "ann", "items": [
 {"item": "7", "date": "2001-02-03", "rating": "3/4", "verdict": null, "text": " Fine. "},
 {"item": "8", "date": "2001-02-04", "rating": "", "text": "Bad,\r\nvery bad."},
 {"item": "9", "date": "2001-02-04", "rating": 2, "text": "fine."},
 {"item": "9", "date": "once", "text": "Undated."},
 {"item": "9", "text": "No date."},
 {"item": "9", "date": "2001-02-05", "text": ""},
 {"item": "9", "date": "2001-02-05", "cast": ["x"], "text": "A list."}]}
`

func TestPlainWithItems(t *testing.T) {
	facts := write(t, "films.jsonl", `{"item": "7", "genre": "Drama", "director": "D"}
{"item": "8", "genre": "Comedy", "rating": "none"}
`)
	line := strings.ReplaceAll(critics, "\n ", " ") + `{"user": "bo", "text": "One text.", "time": 981158400}` + "\n"
	set, err := Read([]string{write(t, "critics.jsonl", line)}, Options{Facts: facts})
	require.NoError(t, err)
	require.Equal(t, JSONL, set.Format)
	require.Equal(t, []Writer{
		{ID: "ann", Items: []history.Item{
			{Text: "Fine.", Time: day(2001, 2, 3),
				Context: []history.Field{{Name: "genre", Value: "Drama"}, {Name: "director", Value: "D"},
					{Name: "rating", Value: "3/4"}}},
			{Text: "Bad,\nvery bad.", Time: day(2001, 2, 4),
				Context: []history.Field{{Name: "genre", Value: "Comedy"}, {Name: "rating", Value: "none"}}},
		}},
		{ID: "bo", Items: []history.Item{{Text: "One text.", Time: day(2001, 2, 3)}}},
	}, set.Writers)
	require.Equal(t, map[string]int{duplicate: 1, wrongDate: 1, noDate: 1, noText: 1, nestedField: 1, noFacts: 5},
		reasons(set.Dropped))
	require.Equal(t, "critics.jsonl: line 1: items 3", set.Dropped[1].First)
}

func TestFieldsAreChosenInOrder(t *testing.T) {
	set, err := Read([]string{write(t, "a.jsonl",
		`{"user": "a", "text": "x", "context": {"to": "B", "about": "  tea \n time "}, "mood": true}`)},
		Options{Fields: []string{"mood", "about"}})
	require.NoError(t, err)
	require.Equal(t, []history.Field{{Name: "mood", Value: "true"}, {Name: "about", Value: "tea time"}},
		set.Writers[0].Items[0].Context)
}

// The field names are those of the public dumps of 2018 and 2023.
func TestAmazon(t *testing.T) {
	reviews := write(t, "Books.jsonl.gz", compressed(t,
		`{"rating": 5.0, "title": "Great", "text": "Loved it.<br />Twice.", "images": [], "asin": "B1", `+
			`"parent_asin": "P1", `+
			`"user_id": "AE", "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": true}
{"overall": 2.0, "verified": true, "reviewTime": "05 5, 2020", "reviewerID": "A2", "asin": "P1", `+
			`"style": {"Format:": "Paperback"}, "reviewerName": "x", "reviewText": "Dull.", "summary": "No", `+
			`"unixReviewTime": 1588636800}
`))
	meta := write(t, "meta.jsonl", `{"main_category": "Books", "title": "A Book", "parent_asin": "P1", `+
		`"description": ["First.", "Second."], "details": {"a": 1}}`)
	set, err := Read([]string{reviews}, Options{Facts: meta})
	require.NoError(t, err)
	require.Equal(t, Amazon, set.Format)
	require.Empty(t, set.Dropped)
	book := []history.Field{{Name: "product", Value: "A Book"}, {Name: "description", Value: "First. Second."}}
	require.Equal(t, []Writer{
		{ID: "AE", Items: []history.Item{{Text: "Loved it.\nTwice.", Time: time.UnixMilli(1588687728923).UTC(),
			Context: append(append([]history.Field{}, book...), history.Field{Name: "rating", Value: "5.0"},
				history.Field{Name: "title", Value: "Great"})}}},
		{ID: "A2", Items: []history.Item{{Text: "Dull.", Time: day(2020, 5, 5),
			Context: append(append([]history.Field{}, book...), history.Field{Name: "rating", Value: "2.0"},
				history.Field{Name: "title", Value: "No"})}}},
	}, set.Writers)
}

// The paper's data sets name the test text of each user.
func TestAmazonWithProfiles(t *testing.T) {
	row := `{"user_id": "A", "profile": [` +
		`{"rating": 5.0, "title": "a", "text": "One.", "asin": "1", "timestamp": 100000000000},` +
		`{"rating": 4.0, "title": "b", "text": "Two.", "asin": "2", "timestamp": 200000000000},` +
		`{"rating": 4.0, "title": "c", "text": "Later.", "asin": "3", "timestamp": 900000000000}],` +
		`"data": {"rating": 1.0, "title": "d", "text": "Three.", "asin": "4", "timestamp": 300000000000}}`
	set, err := Read([]string{write(t, "d.jsonl", row)}, Options{})
	require.NoError(t, err)
	require.Len(t, set.Writers[0].Fixed, 1)
	chosen, err := Choose(set, Split{Test: 1, Validation: 1, MinTrain: 1})
	require.NoError(t, err)
	users, dropped := chosen.Users, chosen.Dropped
	require.Equal(t, "Three.", users[0].Test[0].Text)
	require.Equal(t, "Two.", users[0].Validation[0].Text)
	require.Equal(t, "One.", users[0].Train[0].Text)
	require.Equal(t, map[string]int{laterThan: 1}, reasons(dropped))
}

func TestLaMP(t *testing.T) {
	dir := t.TempDir()
	questions := filepath.Join(dir, "dev_questions.json")
	require.NoError(t, os.WriteFile(questions, []byte(`[
{"id": "10", "input": "Generate a headline for the following article: Rain fell.",
 "profile": [{"text": "Snow fell.", "title": "Snow", "id": "1"}, {"text": "It froze.", "title": "Ice", "id": "2"}]},
{"id": "11", "input": "Generate a headline for the following article: Wind.", "profile": [{"text": "a",
	"title": "b", "id": "1"}]},
{"id": "12", "input": "Generate a headline for the following article: Sun.", "profile": []}]`), 0o644))
	outputs := `{"task": "LaMP_4", "golds": [{"id": "10", "output": "Rain"}, {"id": 11, "output": " "}]}`
	_, err := Read([]string{questions}, Options{})
	require.ErrorIs(t, err, fault.Missing)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dev_outputs.json"), []byte(outputs), 0o644))
	set, err := Read([]string{questions}, Options{})
	require.NoError(t, err)
	require.Equal(t, LaMP, set.Format)
	require.Equal(t, Writer{ID: "10",
		Items: []history.Item{{Text: "Snow", Context: []history.Field{{Name: "article", Value: "Snow fell."}}},
			{Text: "Ice", Context: []history.Field{{Name: "article", Value: "It froze."}}}},
		Fixed: []history.Item{{Text: "Rain", Context: []history.Field{{Name: "article", Value: "Rain fell."}}}},
	}, set.Writers[0])
	require.Equal(t, map[string]int{noReference: 2}, reasons(set.Dropped))
}

func TestLongLaMP(t *testing.T) {
	set, err := Read([]string{write(t, "reviews.jsonl",
		`{"reviewerId": "R", "input": "Generate the review text written by a reviewer who has a given an overall `+
			`rating of `+
			`\"5.0\" for a product with description \"A \"big\" box.\". The summary of the review text is \"Good `+
			`box\".", `+
			`"output": "It holds things.", "profile": [{"overall": "4.0", "summary": "ok", "description": ["A", `+
			`"cup."], `+
			`"reviewText": "It holds tea."}]}`)}, Options{})
	require.NoError(t, err)
	require.Equal(t, LongLaMP, set.Format)
	require.Equal(t, []Writer{{ID: "R",
		Items: []history.Item{{Text: "It holds tea.", Context: []history.Field{{Name: "rating", Value: "4.0"},
			{Name: "description", Value: "A cup."}, {Name: "summary", Value: "ok"}}}},
		Fixed: []history.Item{{Text: "It holds things.", Context: []history.Field{{Name: "rating", Value: "5.0"},
			{Name: "description", Value: `A "big" box.`}, {Name: "summary", Value: "Good box"}}}},
	}}, set.Writers)
}

func TestRefusals(t *testing.T) {
	gz := compressed(t, `{"user": "a", "text": "x"}`)
	for name, c := range map[string]struct {
		content string
		kind    fault.Kind
		options Options
	}{
		"empty":          {"\n\n", fault.Missing, Options{}},
		"only bad":       {`{"user": "a", "text": " "}`, fault.Missing, Options{}},
		"not JSON":       {"Hello there\n", fault.Malformed, Options{}},
		"broken line":    {"{\"user\": \"a\", \"text\": \"x\"}\n{\"user\": \"b\", \"te", fault.Malformed, Options{}},
		"broken array":   {`[{"user": "a", "text": "x"}, {"user"`, fault.Malformed, Options{}},
		"open array":     {`[{"user": "a", "text": "x"}`, fault.Malformed, Options{}},
		"twice":          {`{"user": "a", "text": "x", "text": "y"}`, fault.Malformed, Options{}},
		"not UTF-8":      {"{\"user\": \"a\", \"text\": \"\xff\"}", fault.Malformed, Options{}},
		"truncated gzip": {gz[:len(gz)-9], fault.Malformed, Options{}},
		"no format":      {`{"text": "x"}`, fault.Unsupported, Options{}},
		"unknown format": {`{"user": "a", "text": "x"}`, fault.Unsupported, Options{Format: "parquet"}},
		"Python":         {"{'reviewerID': 'A', 'asin': 'B'}", fault.Unsupported, Options{}},
		"class": {`{"id": "1", "output": "4", "profile": [], "input": "What is the score of the following ` +
			`review on a scale"}`, fault.Unsupported, Options{}},
		"unknown task": {`{"id": "1", "input": "Sing", "output": "x", "profile": []}`, fault.Unsupported, Options{}},
		"profile": {`{"id": "1", "input": "Generate the content for a reddit post x", "output": "x", ` +
			`"profile": 3}`, fault.Malformed, Options{}},
		"long record": {`{"user": "a", "text": "` + strings.Repeat("x", 300) + `"}`, fault.TooLarge,
			Options{Limits: Limits{Record: 200}}},
		"long entry": {`[{"user": "a", "text": "` + strings.Repeat("x", 1<<20) + `"}]`, fault.TooLarge,
			Options{Limits: Limits{Record: 200}}},
		"long file": {strings.Repeat(`{"user": "a", "text": "x"}`+"\n", 9000), fault.TooLarge,
			Options{Limits: Limits{File: 100000}}},
		"many texts": {`{"user": "a", "items": [{"text": "x"}, {"text": "y"}, {"text": "z"}]}`, fault.TooLarge,
			Options{Limits: Limits{Texts: 2}}},
		"many writers": {"{\"user\": \"a\", \"text\": \"x\"}\n{\"user\": \"b\", \"text\": \"y\"}", fault.TooLarge,
			Options{Limits: Limits{Writers: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]string{write(t, "a.jsonl", c.content)}, c.options)
			require.ErrorIs(t, err, c.kind)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
		})
	}
	_, err := Read([]string{filepath.Join(t.TempDir(), "no.jsonl")}, Options{})
	require.ErrorIs(t, err, fault.Missing)
	_, err = Read([]string{t.TempDir()}, Options{})
	require.ErrorIs(t, err, fault.Unsupported)
	text := write(t, "a.jsonl", `{"user": "a", "text": "x"}`)
	_, err = Read([]string{text}, Options{Facts: text})
	require.ErrorIs(t, err, fault.Missing)
}

func TestLongTextsAndFields(t *testing.T) {
	long := strings.Repeat("word ", 20)
	set, err := Read([]string{write(t, "a.jsonl", `{"user": "a", "text": "`+long+`"}
{"user": "a", "text": "short", "about": "`+long+`"}
{"text": "nobody's", "user": ""}`)}, Options{Limits: Limits{Text: 60, Field: 24}})
	require.NoError(t, err)
	require.Len(t, set.Writers[0].Items, 1)
	require.LessOrEqual(t, len(set.Writers[0].Items[0].Context[0].Value), 24+len("…"))
	require.Equal(t, map[string]int{longText: 1, shortened: 1, noUser: 1}, reasons(set.Dropped))
}
