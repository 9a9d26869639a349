package api

import "nextquill/core/gpu"

// BenchCurvesParams are the parameters of "bench-curves": measure how the memory and the time of a
// training step grow with the sizes of the sample, the adapter and the model. The models have
// random weights.
type BenchCurvesParams struct {
	// Seconds is the time for timing steps, after which no further one begins; 600 if it is not
	// set. Computing the memory takes a few seconds more.
	Seconds *float64 `json:"seconds,omitempty" range:"1 86400"`
	// MemoryLimit is the largest number of bytes of a step that is timed; 2 GiB if it is not set.
	MemoryLimit *int64 `json:"memory,omitempty" range:"1 9007199254740991"`
}

// BenchCurves has the curves of a device.
type BenchCurves struct {
	Version string   `json:"version"`
	Device  gpu.Info `json:"device"`
	Curves  []Curve  `json:"curves"`
	Seconds float64  `json:"seconds"` // that the measurement took
}

// The sizes that a curve can change, in the unit of CurvePoint.Value.
const (
	CurveContext    = "context"    // tokens of a prompt with its text
	CurveHistory    = "history"    // tokens of the history in the prompt
	CurveRank       = "rank"       // of the LoRA adapter
	CurveVocabulary = "vocabulary" // tokens of the model's vocabulary
)

// Curve is the cost of a training step of one model while one size changes.
type Curve struct {
	Model     string `json:"model"`
	Base      string `json:"base"` // format of the weights
	Preset    string `json:"preset"`
	Size      string `json:"size"` // one of the Curve constants
	Recompute bool   `json:"recompute"`
	// Layers is the number of layers of the model. Steps are timed on a model with the first
	// TimedLayers of them.
	Layers      int          `json:"layers"`
	TimedLayers int          `json:"timed_layers"`
	Points      []CurvePoint `json:"points"`
}

// CurvePoint is the cost at one size.
type CurvePoint struct {
	Value  int `json:"value"`
	Tokens int `json:"tokens"` // of the packed sample
	// PeakBytes is the memory of the complete model with its step. It is 0 if the device cannot
	// hold one of the tensors; Error then names it.
	PeakBytes int64 `json:"peak_bytes"`
	// Seconds is the time of a complete optimizer step of the model with TimedLayers layers, 0 if
	// it was not timed.
	Seconds float64 `json:"seconds"`
	// Error says why the step was not timed; empty if it was.
	Error string `json:"error,omitempty"`
}
