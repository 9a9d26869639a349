package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// Settings are what every cell depends on, apart from its method and its user.
type Settings struct {
	Version   string        `json:"version"` // of the program
	Model     string        `json:"model"`   // name, for the reader
	Weights   string        `json:"weights"` // digest of the model's files
	Base      string        `json:"base,omitempty"`
	Template  string        `json:"template,omitempty"`
	Retrieval api.Retrieval `json:"retrieval"`
	LoRA      api.LoRA      `json:"lora"`
	Training  api.Training  `json:"training"`
	Sampling  api.Sampling  `json:"sampling"`
	Drafts    int           `json:"drafts" range:"0 1000000"`
	Consensus int           `json:"consensus" range:"1 100"` // texts for each draft
	Delta     float64       `json:"delta"`
	Seed      uint64        `json:"seed"`
}

// flags are the flags of the command that change a setting, by its path.
var flags = map[string]string{"model": "--model", "weights": "--model", "base": "--base", "template": "--template",
	"retrieval.kind": "--retrieve", "retrieval.k": "--k", "lora.rank": "--rank", "lora.alpha": "--alpha",
	"training.epochs": "--epochs", "training.batch_size": "--batch-size", "training.lr": "--lr",
	"training.decay": "--decay", "drafts": "--drafts", "consensus": "--consensus", "seed": "--seed"}

// difference describes the first setting that differs; "" if all are equal.
func difference(old, now Settings) string {
	a, b := flatten(old), flatten(now)
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a[name] == b[name] {
			continue
		}
		shown := name
		if flag := flags[name]; flag != "" {
			shown = flag
		}
		return fmt.Sprintf("%s: %s there, %s now", shown, orNone(a[name]), orNone(b[name]))
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// flatten lists the values of v by their path, as in training.epochs.
func flatten(v any) map[string]string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // settings consist of numbers and texts
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		panic(err)
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		fields, ok := v.(map[string]any)
		if !ok {
			out[path] = fmt.Sprint(v)
			return
		}
		for name, v := range fields {
			at := name
			if path != "" {
				at = path + "." + name
			}
			walk(at, v)
		}
	}
	walk("", tree)
	return out
}

// otherSettings is the fault for results of other settings.
func otherSettings(path, diff string) error {
	return fault.New(fault.Mismatch, path, "", "has results of other settings: %s", diff).
		WithRemedy("give the same settings, or another folder with --out")
}
