package session

import (
	"context"

	"nextquill/core/weights"
)

// AdapterEvent says that an adapter is used otherwise than it was trained: with prompts
// laid out in another way, or on a base in another format. It does what it can there.
type AdapterEvent struct {
	Event    string `json:"event"` // "adapter"
	Adapter  string `json:"adapter"`
	Template string `json:"template"` // in use
	Base     string `json:"base"`     // in use
	// What the adapter says of its making; "" where it says nothing.
	LearntTemplate string `json:"learnt_template"`
	LearntBase     string `json:"learnt_base"`
}

// learntTemplate is the template that is asked for, or else the one that an adapter says
// it was trained with.
func learntTemplate(ctx context.Context, env *Env, adapter, asked string) string {
	if asked != "" {
		return asked
	}
	return madeBy(ctx, env, adapter).Template
}

// madeBy is nothing where the adapter cannot be read: whoever reads all of it says why.
func madeBy(ctx context.Context, env *Env, adapter string) weights.Provenance {
	if adapter == "" {
		return weights.Provenance{}
	}
	made, err := weights.ReadProvenance(ctx, env.Blobs, adapter)
	if err != nil {
		return weights.Provenance{}
	}
	return made
}

// tellOfAdapter compares how an adapter is used with how it was made.
func tellOfAdapter(ctx context.Context, env *Env, adapter, template, base string) error {
	made := madeBy(ctx, env, adapter)
	if (made.Template == "" || made.Template == template) && (made.Base == "" || made.Base == base) {
		return nil
	}
	return env.Emit(AdapterEvent{
		Event: "adapter", Adapter: adapter, Template: template, Base: base, LearntTemplate: made.Template, LearntBase: made.Base,
	})
}
