package engine

import (
	"context"
	"slices"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// ModelRef is a model for the length of a call: the resident one if it is the one asked for, else
// one that belongs to the call. The caller frees it.
type ModelRef struct {
	*model.Model
	env      *Env
	resident *resident // nil if the model belongs to the call
}

// OpenModel returns the model in dir, with the adapter in the folder of that name in use; "" uses
// the base model alone.
func (env *Env) OpenModel(ctx context.Context, dir, adapter string, o model.LoadOptions) (*ModelRef, error) {
	ref := &ModelRef{env: env, resident: env.residentModel(dir, o)}
	if ref.resident != nil {
		ref.Model = ref.resident.model
		ref.resident.uses++
	} else {
		env.releaseReplaceable()
		m, err := env.load(ctx, dir, o)
		if err != nil {
			return nil, err
		}
		ref.Model = m
	}
	if err := ref.UseAdapter(ctx, adapter); err != nil {
		ref.Free()
		return nil, err
	}
	return ref, nil
}

// Free ends the reference. A resident model stays as it was before; another one is removed from the
// device.
func (r *ModelRef) Free() {
	if r.resident == nil {
		r.Model.Free()
		return
	}
	r.resident.uses--
	r.Use(nil)
	for _, a := range r.Adapters() {
		if !r.resident.owns(a) {
			r.RemoveAdapter(a)
		}
	}
}

// UseAdapter switches to the adapter in folder dir, frozen; "" is the base model alone.
func (r *ModelRef) UseAdapter(ctx context.Context, dir string) error {
	if dir == "" {
		r.Use(nil)
		return nil
	}
	if r.resident != nil && r.resident.adapters[dir] != nil {
		r.Use(r.resident.adapters[dir])
		return nil
	}
	a, err := addAdapter(ctx, r.env.Blobs, r.Model, dir)
	if err == nil {
		r.Use(a)
	}
	return err
}

// TrainAdapter switches to a copy of the adapter in folder dir that can be trained, and returns the
// adapter as read.
func (r *ModelRef) TrainAdapter(ctx context.Context, dir string) (*weights.Adapter, error) {
	a, err := weights.ReadAdapter(ctx, r.env.Blobs, dir)
	if err != nil {
		return nil, err
	}
	return a, r.SetAdapter(a)
}

// WithAdapter runs f with the adapter in folder dir instead of the one in use.
func (r *ModelRef) WithAdapter(ctx context.Context, dir string, f func() error) error {
	using, all := r.Active(), r.Adapters()
	err := r.UseAdapter(ctx, dir)
	if err == nil {
		err = f()
	}
	r.Use(using)
	for _, a := range r.Adapters() {
		if !slices.Contains(all, a) {
			r.RemoveAdapter(a)
		}
	}
	return err
}

// addAdapter reads a PEFT adapter onto the device, frozen.
func addAdapter(ctx context.Context, store blob.Store, m *model.Model, dir string) (*model.Adapter, error) {
	a, err := weights.ReadAdapter(ctx, store, dir)
	if err != nil {
		return nil, err
	}
	return m.AddAdapter(a, false)
}

// LoRASpec is the shape of a new adapter with the defaults filled in.
func LoRASpec(l api.LoRA) *model.LoRASpec {
	return &model.LoRASpec{Rank: api.Or(l.Rank, 16), Alpha: api.Or(l.Alpha, 32), Targets: l.Targets}
}
