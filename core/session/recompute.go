package session

import (
	"context"
	"errors"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// activationBudget is how many bytes of activations a training step may keep on the device
// where nobody said how much there is. No browser and no native API tells how much memory
// a GPU has, and one that runs out loses the device or slows everything on the machine:
// half a gigabyte is there on any that can train at all.
const activationBudget = 512 << 20

// choose estimates a workload. Where it trains and nothing was said of recomputing, it
// decides: activations are kept where they fit, which is faster, and recomputed elsewhere.
func choose(ctx context.Context, env *Env, l api.Loading, w workload) (e api.MemoryEvent, err error) {
	defer func() { e.Cap = l.Memory }()
	if !w.trains {
		return w.estimate(ctx, env, false, w.budget)
	}
	if w.recompute != nil {
		e, err = w.estimate(ctx, env, *w.recompute, w.budget)
		e.Recompute, e.Why = *w.recompute, api.WhyAsked
		return e, err
	}
	e, err = w.estimate(ctx, env, false, w.budget)
	var enough bool
	switch {
	case errors.Is(err, fault.DeviceLimit):
		less, lessErr := w.estimate(ctx, env, true, w.budget)
		if lessErr != nil {
			return e, err // recomputing is no way out
		}
		less.Recompute, less.Why = true, api.WhyDevice
		return less, nil
	case err != nil:
		return e, err
	case l.Memory > 0:
		e.Why, enough = api.WhyCap, e.Peak <= l.Memory
	default:
		e.Why, enough = api.WhyDefault, e.Activations <= activationBudget
	}
	if enough {
		return e, nil
	}
	less, err := w.estimate(ctx, env, true, w.budget)
	less.Recompute, less.Why = true, e.Why
	return less, err
}
