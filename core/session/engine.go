package session

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// tuneCache is the blob that keeps the kernel variants chosen per adapter, so
// that later runs need not measure again and repeat exactly. A host that mounts
// no such folder measures once a session.
const tuneCache = "cache/kernels.json"

// maxTuneCache bounds that blob.
const maxTuneCache = 1 << 16

// tunes are the variants chosen in the life of the guest.
var tunes = map[string]kernels.Tune{}

// tunesKept is false while the cache lacks some of them.
var tunesKept = true

// tuneFor returns the kernel variants for env's adapter: chosen before, or
// measured now.
func tuneFor(ctx context.Context, env *Env) (*kernels.Tune, error) {
	name := env.GPU.Info().Name
	if len(tunes) == 0 {
		// A cache that cannot be read is a cache that is not there.
		if raw, err := blob.ReadAll(ctx, env.Blobs, tuneCache, maxTuneCache); err == nil {
			_ = json.Unmarshal(raw, &tunes)
		}
	}
	if t, ok := tunes[name]; ok && t.Valid(env.GPU.Info()) {
		if !tunesKept {
			keepTunes(ctx, env)
		}
		return &t, nil
	}
	if err := env.Emit(api.StageEvent{Event: "stage", Stage: "tune"}); err != nil {
		return nil, err
	}
	t, err := kernels.MeasureTune(ctx, env.GPU)
	if err != nil {
		return nil, err
	}
	if tunes == nil {
		tunes = map[string]kernels.Tune{}
	}
	tunes[name] = t
	keepTunes(ctx, env)
	return &t, nil
}

// keepTunes writes the cache. Where it cannot be written now, because a device is
// full, the next model that is opened tries again: a run that a later process
// takes up repeats exactly only with the same variants.
func keepTunes(ctx context.Context, env *Env) {
	raw, err := json.Marshal(tunes)
	tunesKept = err == nil && env.Blobs.Write(ctx, tuneCache, raw) == nil
}

// submitFlops is the work of one submit: about 50 ms of a CPU adapter or of a
// small GPU, far below what a watchdog would stop.
func submitFlops(info gpu.Info) float64 {
	if info.CPU {
		return 1e9
	}
	return 1e10
}

// loadModel loads a model onto the device.
func loadModel(ctx context.Context, env *Env, dir string, o model.LoadOptions) (*model.Model, error) {
	tune, err := tuneFor(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := env.Emit(api.StageEvent{Event: "stage", Stage: "load"}); err != nil {
		return nil, err
	}
	return model.Load(ctx, env.GPU, tune, env.Blobs, dir, o)
}

// openModel finds or loads a model and uses the adapter in the folder of that name,
// unless it is empty.
func openModel(ctx context.Context, env *Env, dir, adapter string, o model.LoadOptions) (*lease, error) {
	m, err := leaseModel(ctx, env, dir, o)
	if err != nil {
		return nil, err
	}
	if err := m.use(ctx, env, adapter); err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// openTask opens what most methods work with: a model with its adapter, and the
// writer's items. needs makes of the items what the model is to work on, and says what
// that takes on the device, before the model is loaded.
func openTask(ctx context.Context, env *Env, dir, adapter string, src api.Source, template string, r api.Retrieval,
	l api.Loading, needs func(*dataset, weights.Config) (model.Needs, error)) (*lease, *dataset, error) {
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, dir)
	if err != nil {
		return nil, nil, err
	}
	d, err := openData(ctx, env, dir, src, template, r, cfg)
	if err != nil {
		return nil, nil, err
	}
	n, err := needs(d, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := reads(ctx, env, l, dir, adapter, n); err != nil {
		return nil, nil, err
	}
	m, err := openModel(ctx, env, dir, adapter, model.LoadOptions{Base: l.Base})
	if err != nil {
		return nil, nil, err
	}
	if err := tellOfAdapter(ctx, env, adapter, d.template.Name, m.Base()); err != nil {
		m.Free()
		return nil, nil, err
	}
	return m, d, nil
}
