package evaldata

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"nextquill/core/fault"
	"nextquill/core/history"
)

// FuzzRead reads arbitrary bytes in every format: it must not panic, its errors are faults, its
// texts are within the limits, and no text is on both sides of a split.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		strings.ReplaceAll(critics, "\n ", " "), `{"user": "a", "text": "x", "context": "y"}`,
		`{"reviewerID": "A", "asin": "1", "reviewText": "a<br>b", "overall": 5, "unixReviewTime": 1e9}`,
		`{"user_id": "A", "data": {"text": "x"}, "profile": [{"text": "x"}, {"text": "y"}]}`,
		`[{"id": 1, "input": "Generate a headline for the following article: x", "profile": [{"title": "a"}]}]`,
		`[{"id": 1, "input": "Generate the content for a reddit post x", "output": "y", "profile": [{"content": ` +
			`"a", "summary": []}]}]`,
		"\x1f\x8b\x08\x00", "\ufeff[]", `[1]`, `{"user": {}}`, `{"user":"a","items":[{"item":"1","text":3}]}`,
	} {
		f.Add(s, "auto")
	}
	f.Add(`{"golds": [{"id": "1", "output": "x"}]}`, "lamp")
	f.Fuzz(func(t *testing.T, content, format string) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a_questions.json")
		for _, name := range []string{path, filepath.Join(dir, "a_outputs.json")} {
			if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		limits := Limits{File: 1 << 20, Record: 1 << 18, Texts: 1000, Writers: 100, Text: 1000, Field: 100}
		for _, facts := range []string{"", path} {
			set, err := Read([]string{path}, Options{Format: Format(format), Facts: facts, Limits: limits})
			if err != nil {
				if fault.KindOf(err) == "" {
					t.Fatalf("not a fault: %v", err)
				}
				continue
			}
			chosen, err := Choose(set, Split{Test: 1, Validation: 1, MinTrain: 1})
			if err != nil {
				if fault.KindOf(err) != fault.Missing {
					t.Fatalf("unexpected: %v", err)
				}
				continue
			}
			for _, u := range chosen.Users {
				check(t, u, limits)
			}
		}
	})
}

func check(t *testing.T, u User, limits Limits) {
	test := map[history.Digest]bool{}
	for _, it := range u.Test {
		test[normal(it.Text)] = true
	}
	earlier := append(append([]history.Item{}, u.Train...), u.Validation...)
	for _, it := range earlier {
		if test[normal(it.Text)] {
			t.Fatalf("%q is on both sides", it.Text)
		}
	}
	for _, it := range append(earlier, u.Test...) {
		if it.Text == "" || len(it.Text) > limits.Text || !utf8.ValidString(it.Text) ||
			len(it.Context) > history.MaxFields {
			t.Fatalf("text of %d bytes, %d fields", len(it.Text), len(it.Context))
		}
		if timed(it.Time) && timed(u.Test[0].Time) && it.Time.After(u.Test[len(u.Test)-1].Time) {
			t.Fatalf("%v is after the test texts", it.Time)
		}
	}
}
