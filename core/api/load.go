package api

import "nextquill/core/gpu"

// LoadParams are the parameters of "load": keep a base model on the device, with the adapters in
// these folders. Until "unload" or "release", methods that name this model use it without loading
// it, and a method that names one of the folders as its adapter switches to it at once. Calling it
// again reads the adapters again; with another model, it replaces the model.
type LoadParams struct {
	Loading
	Model    string   `json:"model"`
	Adapters []string `json:"adapters,omitempty"`
}

// LoadResult is the result of "load" and "unload".
type LoadResult struct {
	Seconds   float64 `json:"seconds"`
	LiveBytes int64   `json:"live_bytes"` // on the device afterwards
}

// InfoResult is the result of "info".
type InfoResult struct {
	Version string   `json:"version"`
	Device  gpu.Info `json:"device"`
	Methods []string `json:"methods"`
	// LiveBuffers and LiveBytes count what is on the device now, PeakBytes the most so far.
	LiveBuffers int   `json:"live_buffers"`
	LiveBytes   int64 `json:"live_bytes"`
	PeakBytes   int64 `json:"peak_bytes"`
}

// ReleaseResult is the result of "release", which frees everything on the device. Leaked names the
// buffers that a method failed to free.
type ReleaseResult struct {
	Leaked []string `json:"leaked"`
}
