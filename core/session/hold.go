package session

import (
	"context"
	"encoding/json"
	"slices"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/tokenizer"
	"nextquill/core/weights"
)

func init() {
	Register("load", serveLoad)
	Register("unload", serveUnload)
}

// held is a base model that stays on the device between calls, with the adapters
// that were named. It hangs at the GPU context, whose memory it uses.
type held struct {
	path     string
	options  model.LoadOptions
	m        *model.Model
	adapters map[string]*model.Adapter // by folder
	tok      *tokenizer.Tokenizer      // read when first needed
}

// maxHeldAdapters bounds the adapters of one load; memory ends sooner.
const maxHeldAdapters = 256

func heldBy(env *Env) *held {
	if env.GPU == nil {
		return nil
	}
	h, _ := env.GPU.Resident.(*held)
	return h
}

// letGo takes what is held off the device.
func letGo(env *Env) {
	if h := heldBy(env); h != nil {
		env.GPU.Resident = nil
		h.m.Free()
	}
}

// forgetFolder drops what is held of a folder that a method has just written.
func forgetFolder(env *Env, dir string) {
	h := heldBy(env)
	if h == nil {
		return
	}
	if h.path == dir {
		letGo(env)
		return
	}
	if a := h.adapters[dir]; a != nil {
		h.m.RemoveAdapter(a)
		delete(h.adapters, dir)
	}
}

func serveLoad(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p api.LoadParams
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	if len(p.Adapters) > maxHeldAdapters {
		return nil, fault.New(fault.TooLarge, "load", "adapters", "%d of them", len(p.Adapters)).WithLimit("%d", maxHeldAdapters)
	}
	begun := env.Now()
	h := heldBy(env)
	options := model.LoadOptions{Base: p.Base}
	if h == nil || h.path != p.Model || h.options != options {
		letGo(env) // before the other one: both might not fit
		if err := reads(ctx, env, p.Loading, p.Model, "", model.Needs{}); err != nil {
			return nil, err
		}
		m, err := loadModel(ctx, env, p.Model, options)
		if err != nil {
			return nil, err
		}
		h = &held{path: p.Model, options: options, m: m, adapters: map[string]*model.Adapter{}}
		env.GPU.Resident = h
	}
	for dir, a := range h.adapters { // all are read again: a folder may have changed
		h.m.RemoveAdapter(a)
		delete(h.adapters, dir)
	}
	for _, dir := range p.Adapters {
		if h.adapters[dir] != nil {
			continue
		}
		a, err := addAdapter(ctx, env, h.m, dir, false)
		if err != nil {
			return nil, err
		}
		h.adapters[dir] = a
	}
	if err := env.GPU.Wait(ctx); err != nil { // a device that refuses says so here, and not in the first call
		return nil, err
	}
	return api.LoadResult{Seconds: env.Now().Sub(begun).Seconds(), LiveBytes: env.GPU.LiveBytes()}, nil
}

func serveUnload(_ context.Context, env *Env, _ json.RawMessage) (any, error) {
	letGo(env)
	return api.LoadResult{LiveBytes: env.GPU.LiveBytes()}, env.GPU.Flush()
}

// lease is a model for the length of a call: the held one where it is the one asked
// for, or else one of the call's own.
type lease struct {
	*model.Model
	held *held
}

// Free gives the model back: a held one as it was, another off the device.
func (l *lease) Free() {
	if l.held == nil {
		l.Model.Free()
		return
	}
	l.Use(nil)
	for _, a := range l.Adapters() {
		if !l.held.has(a) {
			l.RemoveAdapter(a)
		}
	}
}

func (h *held) has(a *model.Adapter) bool {
	for _, pinned := range h.adapters {
		if a == pinned {
			return true
		}
	}
	return false
}

// leaseModel finds or loads a model.
func leaseModel(ctx context.Context, env *Env, dir string, o model.LoadOptions) (*lease, error) {
	if h := heldBy(env); h != nil && h.path == dir && h.options == o {
		return &lease{h.m, h}, nil
	}
	m, err := loadModel(ctx, env, dir, o)
	return &lease{Model: m}, err
}

// use switches to the adapter in folder dir, frozen; "" is the base.
func (l *lease) use(ctx context.Context, env *Env, dir string) error {
	if dir == "" {
		l.Use(nil)
		return nil
	}
	if l.held != nil && l.held.adapters[dir] != nil {
		l.Use(l.held.adapters[dir])
		return nil
	}
	a, err := addAdapter(ctx, env, l.Model, dir, false)
	if err == nil {
		l.Use(a)
	}
	return err
}

// train switches to the adapter in folder dir, to be trained from there on, and gives
// it as it was read.
func (l *lease) train(ctx context.Context, env *Env, dir string) (*weights.Adapter, error) {
	a, err := weights.ReadAdapter(ctx, env.Blobs, dir)
	if err != nil {
		return nil, err
	}
	return a, l.SetAdapter(a)
}

// with runs f with the adapter in folder dir in place of the one in use.
func (l *lease) with(ctx context.Context, env *Env, dir string, f func() error) error {
	before := l.Using()
	had := l.Adapters()
	err := l.use(ctx, env, dir)
	if err == nil {
		err = f()
	}
	l.Use(before)
	for _, a := range l.Adapters() {
		if !slices.Contains(had, a) {
			l.RemoveAdapter(a)
		}
	}
	return err
}

// addAdapter reads a PEFT adapter onto the device.
func addAdapter(ctx context.Context, env *Env, m *model.Model, dir string, trains bool) (*model.Adapter, error) {
	a, err := weights.ReadAdapter(ctx, env.Blobs, dir)
	if err != nil {
		return nil, err
	}
	return m.AddAdapter(a, trains)
}

// tokenizerOf reads a model's tokenizer, once for a held model.
func tokenizerOf(ctx context.Context, env *Env, dir string) (*tokenizer.Tokenizer, error) {
	h := heldBy(env)
	if h != nil && h.path == dir && h.tok != nil {
		return h.tok, nil
	}
	tok, err := tokenizer.LoadModel(ctx, env.Blobs, dir)
	if h != nil && h.path == dir && err == nil {
		h.tok = tok
	}
	return tok, err
}
