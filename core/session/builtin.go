package session

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
)

func init() {
	Register("echo", echo)
	Register("info", info)
	Register("release", release)
}

// echo returns its parameters: the smallest call there is, for tests of a host.
func echo(_ context.Context, _ *Env, params json.RawMessage) (any, error) {
	if len(params) == 0 {
		params = json.RawMessage("null")
	}
	return params, nil
}

func info(_ context.Context, env *Env, _ json.RawMessage) (any, error) {
	return api.InfoResult{
		Version: api.Version, Device: env.GPU.Info(), Methods: Methods(),
		LiveBuffers: env.GPU.LiveBuffers(), LiveBytes: env.GPU.LiveBytes(), PeakBytes: env.GPU.PeakBytes(),
	}, nil
}

func release(_ context.Context, env *Env, _ json.RawMessage) (any, error) {
	letGo(env)
	leaked, err := env.GPU.Close()
	return api.ReleaseResult{Leaked: leaked}, err
}
