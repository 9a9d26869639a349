package api

import "nextquill/core/gpu"

// BenchReportParams are the parameters of "bench-report": measure a device with the embedded model
// and with models of common shapes and random weights.
type BenchReportParams struct {
	Loading
	Model string `json:"model"` // folder of the embedded model
	// Seconds is the time after which no further part begins; 480 if it is not set.
	Seconds *float64 `json:"seconds,omitempty" range:"1 86400"`
}

// BenchReport has the figures of a device. Seconds and speeds are those of the fastest of several
// runs, unless a field says otherwise.
type BenchReport struct {
	Version string   `json:"version"`
	Device  gpu.Info `json:"device"`
	// Chosen names the variant of matrix products in use, and whether it reads F16 weights by
	// shader-f16.
	Chosen     string         `json:"chosen"`
	ChosenHalf bool           `json:"chosen_half"`
	Bandwidth  float64        `json:"bandwidth"` // bytes per second of an addition of two vectors
	Products   []ProductBench `json:"products"`
	Models     []ModelBench   `json:"models"`
	// Left are the parts that the time was too short for.
	Left    []string `json:"left"`
	Seconds float64  `json:"seconds"` // that the report took
}

// ProductBench is the speed of one variant of a product of a linear layer.
type ProductBench struct {
	Product string  `json:"product"` // forward, input or weight
	Format  string  `json:"format"`  // of the weights
	Variant string  `json:"variant"`
	Half    bool    `json:"half"` // F16 weights are read by shader-f16
	Rows    int     `json:"rows"`
	In      int     `json:"in"`
	Out     int     `json:"out"`
	Seconds float64 `json:"seconds"`
	GFLOPS  float64 `json:"gflops"`
}

// ModelBench has the figures of one model on one base format.
type ModelBench struct {
	Name        string `json:"name"`
	Base        string `json:"base"`
	WeightBytes int64  `json:"weight_bytes"` // on the device
	PeakBytes   int64  `json:"peak_bytes"`
	// Steps are complete optimizer steps with LoRA.
	Steps  []StepBench   `json:"steps"`
	Decode []DecodeBench `json:"decode"`
	// Error says why the part ended early; empty if it is complete.
	Error string `json:"error,omitempty"`
}

// BenchDecodeParams are the parameters of "bench-decode": write tokens after a prompt, greedily and
// without an adapter. The resident model is used if it is the one in Model.
type BenchDecodeParams struct {
	Model  string  `json:"model"`
	Base   string  `json:"base,omitempty"`
	Prompt []int32 `json:"prompt"`
	// Tokens is the number of tokens to write after the first, 32.
	Tokens *int `json:"tokens,omitempty" range:"1 65536"`
	// Repeats is the number of runs, 1. One more run before them compiles the shaders.
	Repeats *int `json:"repeats,omitempty" range:"1 1000"`
}

// DecodeBench is the speed of writing.
type DecodeBench struct {
	Branches int `json:"branches"` // 2 with steering
	Prompt   int `json:"prompt"`   // tokens of a branch
	Tokens   int `json:"tokens"`   // that were generated in each run
	// PromptSeconds is the time of the prompt and the first token, TokenSeconds that of each
	// further token: medians of the runs.
	PromptSeconds float64 `json:"prompt_seconds"`
	TokenSeconds  float64 `json:"token_seconds"`
	Dispatches    int     `json:"dispatches"` // per token
	// IDs are the tokens of the last run, the first one included.
	IDs []int32 `json:"ids"`
	// BandwidthShare is the bytes of the weights that a token reads, over TokenSeconds and over
	// BenchReport.Bandwidth. It is 1 if reading the weights takes all of the time.
	BandwidthShare float64 `json:"bandwidth_share"`
}
