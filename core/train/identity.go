package train

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"nextquill/core/fault"
)

// Identity is everything that decides a run's result, each part as a fingerprint or a name. A
// checkpoint resumes only in a run of the same identity. The JSON keys are part of the checkpoint
// format.
type Identity struct {
	// Settings are all settings of the run and the shape of its adapter, by name.
	Settings map[string]string `json:"all settings"`
	Train    string            `json:"texts to learn from"`
	Heldout  string            `json:"texts to test on"`
	Expert   string            `json:"frozen adapter"`
	Model    string            `json:"model"`
	Base     string            `json:"base"`     // format of the weights on the device, such as "q8"
	Template string            `json:"template"` // name of the prompt template
	Windows  string            `json:"windows"`  // how long texts are split; empty without any
	Adapter  string            `json:"adapter to start from"`
}

func newIdentity(s Setup) Identity {
	return Identity{
		Settings: settings(s),
		Train:    fingerprint(s.Data.Train), Heldout: fingerprint(s.Data.Heldout), Expert: fingerprint(s.Data.Expert),
		Model: fingerprint(s.Model.Config, s.Source.Weights), Base: s.Model.Base(),
		Template: s.Source.Template, Windows: s.Source.Windows, Adapter: s.Source.Adapter,
	}
}

// match returns a fault that names every part in which a checkpoint's run differs from this one;
// where is the checkpoint.
func (id Identity) match(saved *Identity, where string) error {
	if saved == nil || saved.Settings == nil {
		return fault.New(fault.Unsupported, where, "",
			"was written by an earlier version and does not identify its run").
			WithRemedy("start without resuming")
	}
	var parts []string
	for _, part := range []struct{ name, saved, now string }{
		{"starting adapter", saved.Adapter, id.Adapter},
		{"base", saved.Base, id.Base},
		{"frozen adapter", saved.Expert, id.Expert},
		{"model", saved.Model, id.Model},
		{"template", saved.Template, id.Template},
		{"layout of long texts", saved.Windows, id.Windows},
		{"training samples", saved.Train, id.Train},
		{"held-out samples", saved.Heldout, id.Heldout},
	} {
		readable := part.name == "base" || part.name == "template" || part.name == "layout of long texts"
		switch {
		case part.saved == part.now:
		case readable && len(part.saved) < 40:
			saved, now := fault.Quote(part.saved), fault.Quote(part.now)
			parts = append(parts, fmt.Sprintf("%s (saved %s, now %s)", part.name, saved, now))
		default:
			parts = append(parts, part.name)
		}
	}
	parts = append(parts, settingsThatDiffer(saved.Settings, id.Settings)...)
	if parts == nil {
		return nil
	}
	const detail = "not the same as in the run that wrote the checkpoint"
	return fault.New(fault.Mismatch, where, strings.Join(parts, ", "), detail).
		WithRemedy("resume with the same inputs, or start without resuming")
}

// fingerprint is a hash of the parts' JSON.
func fingerprint(parts ...any) string {
	h := fnv.New128a()
	for _, p := range parts {
		b, err := json.Marshal(p)
		if err != nil {
			panic(err) // plain structs and slices always encode
		}
		h.Write(b)
		h.Write([]byte{0})
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
