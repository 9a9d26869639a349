package jobs

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/rpc"
)

// echo returns its parameters. It is the smallest call, for tests of a host.
func echo(_ context.Context, _ *engine.Env, c *rpc.Call) (any, error) {
	if len(c.Params) == 0 {
		return json.RawMessage("null"), nil
	}
	return c.Params, nil
}

// info describes the program and the device.
func info(_ context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	return api.InfoResult{
		Version: api.Version, Device: env.GPU.Info(), Methods: c.Methods,
		LiveBuffers: env.GPU.LiveBuffers(), LiveBytes: env.GPU.LiveBytes(), PeakBytes: env.GPU.PeakBytes(),
	}, nil
}

// release frees everything on the device.
func release(_ context.Context, env *engine.Env, _ *rpc.Call) (any, error) {
	env.ReleaseModel()
	leaked, err := env.GPU.Close()
	return api.ReleaseResult{Leaked: leaked}, err
}
