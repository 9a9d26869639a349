package engine

import (
	"context"
	"errors"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// activationBudget is the number of bytes of activations that a training step may keep on the
// device if the request sets no limit. No browser and no native API reports how much memory a GPU
// has, and a GPU that runs out of memory is lost or slows everything on the machine. Half a
// gigabyte is available on every device that can train at all.
const activationBudget = 512 << 20

// Plan estimates a workload. If it trains and the request does not say whether to recompute
// activations, Plan decides: activations are kept if they fit, which is faster, and recomputed
// otherwise.
func (env *Env) Plan(ctx context.Context, l api.Loading, w Workload) (e api.MemoryEvent, err error) {
	defer func() { e.Limit = api.Or(l.MemoryLimit, 0) }()
	if !w.Trains {
		return env.Estimate(ctx, w, false, w.TokenBudget)
	}
	if w.Recompute != nil {
		e, err = env.Estimate(ctx, w, *w.Recompute, w.TokenBudget)
		e.Recompute, e.Why = *w.Recompute, api.WhyAsked
		return e, err
	}
	e, err = env.Estimate(ctx, w, false, w.TokenBudget)
	var fits bool
	switch {
	case errors.Is(err, fault.DeviceLimit):
		less, lessErr := env.Estimate(ctx, w, true, w.TokenBudget)
		if lessErr != nil {
			return e, err // recomputing does not help
		}
		less.Recompute, less.Why = true, api.WhyDevice
		return less, nil
	case err != nil:
		return e, err
	case l.MemoryLimit != nil:
		e.Why, fits = api.WhyLimit, e.Peak <= *l.MemoryLimit
	default:
		e.Why, fits = api.WhyDefault, e.Activations <= activationBudget
	}
	if fits {
		return e, nil
	}
	less, err := env.Estimate(ctx, w, true, w.TokenBudget)
	less.Recompute, less.Why = true, e.Why
	return less, err
}
