package session

import (
	"context"
	"encoding/json"

	"nextquill/core/gpu"
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

// InfoResult is the result of "info".
type InfoResult struct {
	Version string   `json:"version"`
	Adapter gpu.Info `json:"adapter"`
	Methods []string `json:"methods"`
	// LiveBuffers and the bytes are what the session holds on the GPU.
	LiveBuffers int   `json:"live_buffers"`
	LiveBytes   int64 `json:"live_bytes"`
	PeakBytes   int64 `json:"peak_bytes"`
}

func info(_ context.Context, env *Env, _ json.RawMessage) (any, error) {
	return InfoResult{
		Version: Version, Adapter: env.GPU.Info(), Methods: Methods(),
		LiveBuffers: env.GPU.LiveBuffers(), LiveBytes: env.GPU.LiveBytes(), PeakBytes: env.GPU.PeakBytes(),
	}, nil
}

// ReleaseResult is the result of "release", which frees all that the session
// holds on the GPU. Leaked names the buffers that a method left behind.
type ReleaseResult struct {
	Leaked []string `json:"leaked"`
}

func release(_ context.Context, env *Env, _ json.RawMessage) (any, error) {
	letGo(env)
	leaked, err := env.GPU.Close()
	return ReleaseResult{Leaked: leaked}, err
}
