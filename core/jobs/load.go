package jobs

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/rpc"
)

// maxAdapters bounds the adapters of one "load". Memory is usually the smaller limit.
const maxAdapters = 256

// load keeps a model on the device.
func load(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.LoadParams
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	if len(p.Adapters) > maxAdapters {
		return nil, fault.New(fault.TooLarge, "load", "adapters", "%d of them", len(p.Adapters)).
			WithLimit("%d", maxAdapters)
	}
	begun := env.Now()
	if err := env.KeepModel(ctx, p.Loading, p.Model, p.Adapters); err != nil {
		return nil, err
	}
	return api.LoadResult{Seconds: env.Now().Sub(begun).Seconds(), LiveBytes: env.GPU.LiveBytes()}, nil
}

// unload removes the model that load keeps.
func unload(_ context.Context, env *engine.Env, _ *rpc.Call) (any, error) {
	env.ReleaseModel()
	return api.LoadResult{LiveBytes: env.GPU.LiveBytes()}, env.GPU.Flush()
}
