package engine

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/kernels"
)

// TuneBlob is the blob that stores the kernel variants chosen for each device, so that later runs
// do not measure again and are reproducible. A host that does not mount its folder measures once
// per engine.
const TuneBlob = "cache/kernels.json"

// maxTuneBlob bounds that blob in bytes.
const maxTuneBlob = 1 << 16

// tuneCache holds the kernel variants that an engine knows.
type tuneCache struct {
	byDevice map[string]kernels.Tune
	unsaved  bool // the blob lacks some of them
}

// Tune returns the kernel variants for the device. They are read from TuneBlob, or measured now.
// CPU devices are not measured: they compile one variant in the time of a complete measurement.
func (env *Env) Tune(ctx context.Context) (*kernels.Tune, error) {
	c := &env.tunes
	name := env.GPU.Info().Name
	if len(c.byDevice) == 0 {
		// A blob that cannot be read counts as missing.
		if raw, err := blob.ReadAll(ctx, env.Blobs, TuneBlob, maxTuneBlob); err == nil {
			_ = json.Unmarshal(raw, &c.byDevice)
		}
	}
	if t, ok := c.byDevice[name]; ok && t.Valid(env.GPU.Info()) {
		if c.unsaved {
			c.save(ctx, env.Blobs)
		}
		return &t, nil
	}
	if env.GPU.Info().CPU {
		return new(kernels.DefaultTune(env.GPU.Info())), nil
	}
	if err := env.Emit(api.StageEvent{Event: api.EventStage, Stage: api.StageTune}); err != nil {
		return nil, err
	}
	t, err := kernels.MeasureTune(ctx, env.GPU)
	if err != nil {
		return nil, err
	}
	if c.byDevice == nil {
		c.byDevice = map[string]kernels.Tune{}
	}
	c.byDevice[name] = t
	c.save(ctx, env.Blobs)
	return &t, nil
}

// save writes the blob. If that fails, for example because storage is full, the next model that is
// opened tries again: a run that another process resumes is reproducible only with the same
// variants.
func (c *tuneCache) save(ctx context.Context, store blob.Store) {
	raw, err := json.Marshal(c.byDevice)
	c.unsaved = err != nil || store.Write(ctx, TuneBlob, raw) != nil
}
