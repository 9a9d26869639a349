package api

// Memory is an estimate of the device memory that a model and the work on it need, in bytes.
type Memory struct {
	Base        int64 `json:"base"`        // weights that do not train; all weights if all train
	Adapter     int64 `json:"adapter"`     // LoRA factors
	Optimizer   int64 `json:"optimizer"`   // gradients and the moments of AdamW
	Activations int64 `json:"activations"` // of a step, with its inputs
	Cache       int64 `json:"cache"`       // keys and values while writing, with scratch buffers
	Loading     int64 `json:"loading"`     // during loading only
}

// MemoryEvent estimates the device memory of a method, before it loads anything.
type MemoryEvent struct {
	Event string `json:"event"` // EventMemory
	Memory
	// Held is what is on the device already and stays there: a loaded model with its adapters.
	Held int64 `json:"held,omitempty"`
	// Peak is the largest number of bytes at once, including Held.
	Peak  int64 `json:"peak"`
	Limit int64 `json:"cap,omitempty"` // Loading.MemoryLimit, 0 if it is not set
	// Recompute tells whether a training run recomputes activations. It is false for methods that
	// do not train.
	Recompute bool `json:"recompute,omitempty"`
	// Why is the reason for Recompute, one of the Why constants. It is empty for methods that do
	// not train.
	Why string `json:"why,omitempty"`
}

// The reasons for recomputing activations or not.
const (
	WhyAsked   = "asked"   // the request says so
	WhyLimit   = "cap"     // decided by whether kept activations fit below Loading.MemoryLimit
	WhyDefault = "default" // decided by whether kept activations fit the default budget
	WhyDevice  = "device"  // the device cannot hold one of the buffers without recomputing
)

// EstimateParams are the parameters of "estimate": how much memory writing with a model and
// training it would take on this device. Nothing is loaded.
type EstimateParams struct {
	Loading
	Model string `json:"model"`
	LoRA  LoRA   `json:"lora"`
	// Preset decides whether training also computes the branch without history. Empty means
	// "nextquill-code".
	Preset   string   `json:"preset,omitempty"`
	Training Training `json:"training"`
	Full     bool     `json:"full,omitempty"`
}

// EstimateResult has the estimate of writing a text of the model's context length (at most 2,048
// tokens), and of a training step with a full token budget, a quarter of it response tokens.
type EstimateResult struct {
	Write MemoryEvent `json:"write"`
	Train MemoryEvent `json:"train"`
}
