package api

// BenchParams are the parameters of "bench": time optimizer steps, the kernels of a step, or base
// formats.
type BenchParams struct {
	Loading
	Model string `json:"model"`
	LoRA  LoRA   `json:"lora"`
	// Full trains all weights instead of an adapter.
	Full bool `json:"full,omitempty"`
	// Presets are timed in turns; empty means contextsft and nextquill-code.
	Presets []string `json:"presets,omitempty"`
	// LR is the learning rate of the steps; if it is not set, 1e-6, which hardly changes the
	// weights.
	LR *float64 `json:"lr,omitempty" range:"0 10"`
	// Batch is a blob with the samples, as "step" takes them; empty means one random sample of the
	// lengths below.
	Batch string `json:"batch,omitempty"`
	// The lengths of the parts of the random sample, in tokens; 200, 1000, 60 and 200 if they are
	// not set.
	Prefix   int `json:"prefix" range:"1 65536"`
	History  int `json:"history" range:"1 65536"`
	Suffix   int `json:"suffix" range:"1 65536"`
	Response int `json:"response" range:"1 65536"`
	// Repeats is how often each step is timed, 5; the fastest counts.
	Repeats *int `json:"repeats,omitempty" range:"1 1000"`
	// StepsOnly skips the fastest matrix product and the single kernels.
	StepsOnly bool `json:"steps_only,omitempty"`
	// Recompute times steps that recompute activations.
	Recompute bool `json:"recompute,omitempty"`
	// Bases are base formats to compare with each other, instead of timing the kernels of one.
	Bases []string `json:"bases,omitempty"`
}

// BenchResult has the figures of each kernel and of complete steps.
type BenchResult struct {
	Device       string        `json:"device"` // name of the device
	MatmulGFLOPS float64       `json:"matmul_gflops"`
	Kernels      []KernelBench `json:"kernels"`
	Steps        []StepBench   `json:"steps"`
	Bases        []BaseBench   `json:"bases,omitempty"`
	// Decode is writing after a prompt of BenchParams.Prefix tokens, without and with steering;
	// absent with StepsOnly or Bases.
	Decode []DecodeBench `json:"decode,omitempty"`
	// Ratio is the time of a step of the second preset over that of the first; 0 with one preset.
	Ratio     float64 `json:"ratio"`
	PeakBytes int64   `json:"peak_bytes"`
}

// KernelBench is the throughput of one kernel within a step.
type KernelBench struct {
	Kernel  string  `json:"kernel"`
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	GFLOPS  float64 `json:"gflops"`
	Share   float64 `json:"share"` // of the time of the step
}

// StepBench is the time of a complete training step.
type StepBench struct {
	Preset      string  `json:"preset"`
	Tokens      int     `json:"tokens"`
	Seconds     float64 `json:"seconds"` // the fastest
	GFLOPS      float64 `json:"gflops"`
	Utilization float64 `json:"utilization"` // GFLOPS over BenchResult.MatmulGFLOPS
	// Runs are the times of all steps in seconds, Losses the losses before the update of each. The
	// first step, which compiles the shaders, is in neither. With LR above 0 each step starts where
	// the previous one ended.
	Runs   []float64 `json:"runs"`
	Losses []float64 `json:"losses"`
}

// BaseBench is the speed of one base format, in packed tokens per second.
type BaseBench struct {
	Base  string `json:"base"`
	Bytes int64  `json:"bytes"` // of the weights on the device
	// Train is the speed of complete optimizer steps, Forward that of scoring alone.
	Train   float64 `json:"train_tokens_per_second"`
	Forward float64 `json:"forward_tokens_per_second"`
}

// KernelCasesParams are the parameters of "kernel-cases": compare every kernel with its CPU
// reference on this host's device.
type KernelCasesParams struct {
	// Filter is a regular expression on the name of a case; empty takes all.
	Filter string `json:"filter,omitempty"`
}

// KernelCaseEvent reports the result of one case.
type KernelCaseEvent struct {
	Event string `json:"event"` // EventKernelCase
	Case  string `json:"case"`
	// Error is the largest |got−want| / (1+|want|) over the tolerance of the case, which passes at
	// 1 or less.
	Error float64 `json:"error"`
	// Message says what failed; empty if the case passed.
	Message string  `json:"message,omitempty"`
	Seconds float64 `json:"seconds"`
}

// KernelCasesResult counts the cases. A failed case is not an error of the call.
type KernelCasesResult struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	// LiveBuffers is the number of buffers that the cases failed to free.
	LiveBuffers int `json:"live_buffers"`
}
