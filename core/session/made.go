package session

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/weights"
)

// learntTemplate is the template that is asked for, or else the one that an adapter says
// it was trained with.
func learntTemplate(ctx context.Context, env *Env, adapter, asked string) string {
	if asked != "" {
		return asked
	}
	return madeBy(ctx, env, adapter).Template
}

// madeBy is nothing where the adapter cannot be read: whoever reads all of it says why.
func madeBy(ctx context.Context, env *Env, adapter string) weights.Made {
	if adapter == "" {
		return weights.Made{}
	}
	made, err := weights.ReadMade(ctx, env.Blobs, adapter)
	if err != nil {
		return weights.Made{}
	}
	return made
}

// tellOfAdapter compares how an adapter is used with how it was made.
func tellOfAdapter(ctx context.Context, env *Env, adapter, template, base string) error {
	made := madeBy(ctx, env, adapter)
	if (made.Template == "" || made.Template == template) && (made.Base == "" || made.Base == base) {
		return nil
	}
	return env.Emit(api.AdapterEvent{
		Event: "adapter", Adapter: adapter, Template: template, Base: base, LearntTemplate: made.Template, LearntBase: made.Base,
	})
}
