package history_test

import (
	"fmt"
	"os"
	"strings"

	"nextquill/core/history"
)

const posts = `{"context": {"subject": "lunch"}, "text": "Noon, the usual place.", "time": "2024-05-17"}
{"context": {"subject": "sailing"}, "text": "Wind at last!", "time": "2024-05-19"}
{"context": {"subject": "invoice"}, "text": "Attached. Sorry for the delay.", "time": "2024-05-18"}`

func ExampleReadJSONL() {
	items, err := history.ReadJSONL(strings.NewReader(posts), "posts.jsonl", history.Limits{})
	if err != nil {
		panic(err)
	}
	for _, it := range history.Sorted(items) {
		fmt.Println(it.Time.Format("2 January"), it.Context[0].Value, "-", it.Text)
	}

	_, err = history.ReadJSONL(strings.NewReader(`{"text": ""}`), "bad.jsonl", history.Limits{})
	fmt.Println(err)
	// Output:
	// 17 May lunch - Noon, the usual place.
	// 18 May invoice - Attached. Sorry for the delay.
	// 19 May sailing - Wind at last!
	// bad.jsonl: line 1: the item has no text; remove it, or give it a text
}

func ExampleBM25() {
	items, err := history.ReadJSONL(strings.NewReader(posts), "posts.jsonl", history.Limits{})
	if err != nil {
		panic(err)
	}
	all, query := history.WithQuery(items, []history.Field{{Name: "subject", Value: "lunch on Friday"}})
	for _, i := range new(history.BM25).Select(all, query, 2) {
		fmt.Println(all[i].Text)
	}
	// Output:
	// Noon, the usual place.
	// Wind at last!
}

// The two prompts of the causal objective differ only in the history segment.
func ExampleTemplate_Prompt() {
	items := []history.Item{{
		Context: []history.Field{{Name: "subject", Value: "lunch"}},
		Text:    "Noon, the usual place.",
	}}
	s := history.Plain.Prompt(items, []history.Field{{Name: "subject", Value: "dinner"}})
	fmt.Println(s.Prefix + s.History + s.Suffix)
	fmt.Println("-- history erased:")
	fmt.Println(s.Prefix + s.Erased + s.Suffix)
	// Output:
	// History:
	// subject: lunch
	// text: Noon, the usual place.
	//
	// Now:
	// subject: dinner
	// text:
	// -- history erased:
	// History:
	// None
	//
	// Now:
	// subject: dinner
	// text:
}

func ExampleWriteJSONL() {
	items := []history.Item{{
		ID:      "1",
		Context: []history.Field{{Name: "to", Value: "Ann"}},
		Text:    "See you at noon.",
	}}
	if err := history.WriteJSONL(os.Stdout, items); err != nil {
		panic(err)
	}
	// Output: {"id":"1","context":{"to":"Ann"},"text":"See you at noon."}
}

func ExampleSplitFraction() {
	items, err := history.ReadJSONL(strings.NewReader(posts), "posts.jsonl", history.Limits{})
	if err != nil {
		panic(err)
	}
	train, held, err := history.SplitFraction(items, .3)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(train), "to train on, held out:", held[0].Text)
	// Output: 2 to train on, held out: Wind at last!
}
