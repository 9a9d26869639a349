package engine

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/weights"
)

// TrainedTemplate returns the template that is asked for; if none is, the one that the adapter was
// trained with, or "" if the adapter does not record it.
func (e *Engine) TrainedTemplate(ctx context.Context, adapter, asked string) string {
	if asked != "" {
		return asked
	}
	return e.provenance(ctx, adapter).Template
}

// provenance is what an adapter records of its training. It is empty if the adapter cannot be read:
// reading all of it reports the reason.
func (e *Engine) provenance(ctx context.Context, adapter string) weights.Provenance {
	if adapter == "" {
		return weights.Provenance{}
	}
	p, err := weights.ReadProvenance(ctx, e.Blobs, adapter)
	if err != nil {
		return weights.Provenance{}
	}
	return p
}

// WarnAdapterMismatch emits an api.AdapterEvent if an adapter is used with another template, or on
// a base in another format, than it was trained with.
func (env *Env) WarnAdapterMismatch(ctx context.Context, adapter, template, base string) error {
	p := env.provenance(ctx, adapter)
	if (p.Template == "" || p.Template == template) && (p.Base == "" || p.Base == base) {
		return nil
	}
	return env.Emit(api.AdapterEvent{
		Event: api.EventAdapter, Adapter: adapter, Template: template, Base: base,
		TrainedTemplate: p.Template, TrainedBase: p.Base,
	})
}
