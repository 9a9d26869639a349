package api_test

import (
	"encoding/json"
	"fmt"

	"nextquill/core/api"
	"nextquill/core/causal"
)

// The parameters of a held-out test, as JSON.
func ExampleEvaluateParams() {
	p := api.EvaluateParams{Inference: api.Inference{
		Loading: api.Loading{Base: api.BaseQ8},
		Model:   "model",
		Source:  api.Source{History: "history.jsonl"},
	}}
	raw, err := json.Marshal(p)
	fmt.Println(string(raw), err)
	// Output:
	// {"base":"q8","model":"model","source":{"history":"history.jsonl"},"retrieval":{}} <nil>
}

// The paper's method trains in two phases.
func ExamplePhases() {
	const preset = "nextquill"
	o, err := causal.Preset(preset)
	for _, p := range api.Phases(preset, o) {
		fmt.Printf("preset %s writes %s, expert %q\n", p.Preset, p.Out, p.Expert)
	}
	fmt.Println(err)
	// Output:
	// preset contextsft writes contextsft, expert ""
	// preset nextquill writes adapter, expert "contextsft"
	// <nil>
}
