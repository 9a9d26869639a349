package engine

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/model"
	"nextquill/core/tokenizer"
)

// resident is a base model that stays on the device between calls, with its adapters.
type resident struct {
	dir       string
	options   model.LoadOptions
	model     *model.Model
	adapters  map[string]*model.Adapter // by folder
	tokenizer *tokenizer.Tokenizer      // nil until it is needed
	// replaceable: a call that needs another model releases this one first, see KeepBetween.
	replaceable bool
	uses        int // references of running calls
}

// residentModel returns the resident model if it is the one in dir with these options, else nil.
func (e *Engine) residentModel(dir string, o model.LoadOptions) *resident {
	if r := e.resident; r != nil && r.dir == dir && r.options == o {
		return r
	}
	return nil
}

// owns tells whether a is one of the resident adapters.
func (r *resident) owns(a *model.Adapter) bool {
	for _, own := range r.adapters {
		if a == own {
			return true
		}
	}
	return false
}

// ReleaseModel removes the resident model from the device.
func (e *Engine) ReleaseModel() {
	if r := e.resident; r != nil {
		e.resident = nil
		r.model.Free()
	}
}

// ForgetFolder releases what is resident of a folder that was just written.
func (e *Engine) ForgetFolder(dir string) {
	r := e.resident
	if r == nil {
		return
	}
	if r.dir == dir {
		e.ReleaseModel()
		return
	}
	if a := r.adapters[dir]; a != nil {
		r.model.RemoveAdapter(a)
		delete(r.adapters, dir)
	}
}

// KeepModel makes the model in dir resident, with the adapters in these folders. Another resident
// model is released first, because both might not fit. The adapters are read again even if they are
// resident already: their folders may have changed.
func (env *Env) KeepModel(ctx context.Context, l api.Loading, dir string, adapters []string) error {
	options := model.LoadOptions{Base: l.Base}
	r := env.residentModel(dir, options)
	if r == nil {
		env.ReleaseModel()
		if err := env.CheckInference(ctx, l, dir, "", model.Needs{}); err != nil {
			return err
		}
		m, err := env.load(ctx, dir, options)
		if err != nil {
			return err
		}
		r = &resident{dir: dir, options: options, model: m, adapters: map[string]*model.Adapter{}}
		env.resident = r
	}
	r.replaceable = false
	for dir, a := range r.adapters {
		r.model.RemoveAdapter(a)
		delete(r.adapters, dir)
	}
	for _, dir := range adapters {
		if r.adapters[dir] != nil {
			continue
		}
		a, err := addAdapter(ctx, env.Blobs, r.model, dir)
		if err != nil {
			return err
		}
		r.adapters[dir] = a
	}
	return env.GPU.Fence(ctx) // a device that refuses reports it here instead of in the next call
}

// KeepBetween makes the model in dir resident, so that the next call need not load it. A call that
// needs another model releases it. A model that KeepModel has made resident stays as it is.
func (env *Env) KeepBetween(ctx context.Context, l api.Loading, dir string) error {
	kept := env.residentModel(dir, model.LoadOptions{Base: l.Base}) != nil
	if r := env.resident; kept || r != nil && !r.replaceable {
		return nil
	}
	if err := env.KeepModel(ctx, l, dir, nil); err != nil {
		return err
	}
	env.resident.replaceable = true
	return nil
}

// releaseReplaceable removes the resident model from the device if KeepBetween put it there and no
// call uses it.
func (e *Engine) releaseReplaceable() {
	if r := e.resident; r != nil && r.replaceable && r.uses == 0 {
		e.ReleaseModel()
	}
}

// load loads a model onto the device.
func (env *Env) load(ctx context.Context, dir string, o model.LoadOptions) (*model.Model, error) {
	tune, err := env.Tune(ctx)
	if err != nil {
		return nil, err
	}
	if err := env.Emit(api.StageEvent{Event: api.EventStage, Stage: api.StageLoad}); err != nil {
		return nil, err
	}
	if env.decode == nil || !env.GPU.Info().CompilesInBackground {
		return model.Load(ctx, env.GPU, tune, env.Blobs, dir, o)
	}
	m, err := model.LoadWith(ctx, env.GPU, tune, env.Blobs, dir, o, func(m *model.Model) error {
		return env.compileAhead(ctx, m)
	})
	if err != nil {
		return nil, err
	}
	// Kernels may still be compiling. The device does not report how many, so the event says 0 of
	// 1.
	err = env.Emit(api.ProgressEvent{Event: api.EventProgress, Stage: api.StageCompile, Total: 1})
	if err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// compileAhead requests the kernels of the decoder that ExpectDecode has announced. They depend on
// the ranks and the layers of the adapter, so it is on the device meanwhile.
func (env *Env) compileAhead(ctx context.Context, m *model.Model) error {
	var a *model.Adapter
	if env.decodeWith != "" {
		var err error
		if a, err = addAdapter(ctx, env.Blobs, m, env.decodeWith); err != nil {
			return err
		}
		defer m.RemoveAdapter(a)
	}
	return m.CompileAhead(*env.decode, a)
}

// Tokenizer reads the tokenizer of the model in dir, once for a resident model.
func (e *Engine) Tokenizer(ctx context.Context, dir string) (*tokenizer.Tokenizer, error) {
	r := e.resident
	if r == nil || r.dir != dir {
		return tokenizer.LoadModel(ctx, e.Blobs, dir)
	}
	if r.tokenizer == nil {
		t, err := tokenizer.LoadModel(ctx, e.Blobs, dir)
		if err != nil {
			return nil, err
		}
		r.tokenizer = t
	}
	return r.tokenizer, nil
}
