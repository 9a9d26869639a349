package session

import (
	"context"

	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// tunes keeps the kernel variants chosen per adapter for the life of the guest.
var tunes = map[string]*kernels.Tune{}

// tuneFor returns the kernel variants for env's adapter, measured the first time.
func tuneFor(ctx context.Context, env *Env) (*kernels.Tune, error) {
	name := env.GPU.Info().Name
	if t := tunes[name]; t != nil {
		return t, nil
	}
	if err := env.Emit(StageEvent{Event: "stage", Stage: "tune"}); err != nil {
		return nil, err
	}
	t, err := kernels.MeasureTune(ctx, env.GPU)
	if err != nil {
		return nil, err
	}
	tunes[name] = &t
	return &t, nil
}

// submitFlops is the work of one submit: about 50 ms of a CPU adapter or of a
// small GPU, far below what a watchdog would stop.
func submitFlops(info gpu.Info) float64 {
	if info.CPU {
		return 1e9
	}
	return 1e10
}

// openModel loads a model and, when adapter is not empty, attaches that adapter.
func openModel(ctx context.Context, env *Env, dir, adapter string, o model.LoadOptions) (*model.Model, error) {
	tune, err := tuneFor(ctx, env)
	if err != nil {
		return nil, err
	}
	if err := env.Emit(StageEvent{Event: "stage", Stage: "load"}); err != nil {
		return nil, err
	}
	m, err := model.Load(ctx, env.GPU, tune, env.Blobs, dir, o)
	if err != nil {
		return nil, err
	}
	if adapter != "" {
		if err := attachAdapter(ctx, env, m, adapter); err != nil {
			m.Free()
			return nil, err
		}
	}
	return m, nil
}

// attachAdapter reads a PEFT adapter and puts it on the model.
func attachAdapter(ctx context.Context, env *Env, m *model.Model, dir string) error {
	a, err := weights.ReadAdapter(ctx, env.Blobs, dir)
	if err != nil {
		return err
	}
	return m.SetAdapter(a)
}
