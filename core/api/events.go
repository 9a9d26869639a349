package api

// The events that methods emit, by the value of their field "event".
const (
	EventStage      = "stage"       // StageEvent
	EventTexts      = "texts"       // TextsEvent
	EventProgress   = "progress"    // ProgressEvent
	EventMemory     = "memory"      // MemoryEvent
	EventAdapter    = "adapter"     // AdapterEvent
	EventStep       = "step"        // StepEvent
	EventEval       = "eval"        // EvalEvent
	EventCheckpoint = "checkpoint"  // CheckpointEvent
	EventToken      = "token"       // TokenEvent
	EventKernelCase = "kernel-case" // KernelCaseEvent
)

// StageEvent reports what a method is doing and how far it is.
type StageEvent struct {
	Event string `json:"event"` // EventStage
	Stage string `json:"stage"` // one of the Stage constants
	Done  int    `json:"done"`
	Total int    `json:"total"` // 0 if unknown; texts are counted by windows, see TextCounts
}

// The stages of a method.
const (
	StageTune     = "tune"     // the kernel variants for this device are measured
	StageLoad     = "load"     // the model is loaded onto the device
	StageExpert   = "expert"   // the training items are scored under the frozen adapter θ_D
	StageCompile  = "compile"  // the device's driver compiles shaders, before any other stage
	StageTrain    = "train"    // the steps follow, each with a StepEvent
	StageEvaluate = "evaluate" // held-out items are scored
	StageWrite    = "write"    // the prompt is run, before the first token
	StageExplain  = "explain"  // the text is scored
	StageEmbed    = "embed"    // texts are encoded
	StageRemember = "remember" // the datastore is made, and its share fitted
	StageSteps    = "steps"    // bench: optimizer steps are timed
	StageBases    = "bases"    // bench: base formats are timed
	StageKernels  = "kernels"  // bench: kernels are timed
	StageReport   = "report"   // bench-report: the parts of a report; bench-curves: the points
)

// ProgressEvent reports how far a stage is while an item or a step of it takes long. It comes every
// second or more often.
type ProgressEvent struct {
	Event string  `json:"event"` // EventProgress
	Stage string  `json:"stage"` // one of the Stage constants
	Done  float64 `json:"done"`  // items or steps, with the share of the one that runs
	Total int     `json:"total"`
}

// StepEvent reports one optimizer step. Events arrive a few steps late, because losses are read
// from the device only now and then.
type StepEvent struct {
	Event     string  `json:"event"` // EventStep
	Step      int     `json:"step"`  // 1-based
	Steps     int     `json:"steps"`
	Epoch     float64 `json:"epoch"`
	Loss      float64 `json:"loss"`
	NTP       float64 `json:"ntp_loss"`     // L_n, next-token prediction
	Align     float64 `json:"align_loss"`   // L_p, alignment of the model-side causal effect
	Causal    float64 `json:"causal_share"` // share of the tokens with DCE > δ
	LR        float64 `json:"lr"`
	GradNorm  float64 `json:"grad_norm"`
	TokensPS  float64 `json:"tokens_per_second"` // packed tokens
	Seconds   float64 `json:"seconds"`
	Remaining float64 `json:"remaining"` // estimated seconds until the end
}

// EvalEvent reports a test on the held-out items during training.
type EvalEvent struct {
	Event string  `json:"event"` // EventEval
	Step  int     `json:"step"`
	Loss  float64 `json:"loss"` // nats per response token
	Best  bool    `json:"best"` // whether it is the lowest so far
}

// CheckpointEvent reports that a complete checkpoint is stored.
type CheckpointEvent struct {
	Event string `json:"event"` // EventCheckpoint
	Step  int    `json:"step"`
}

// TokenEvent carries a piece of streamed text.
type TokenEvent struct {
	Event string `json:"event"` // EventToken
	Text  string `json:"text"`
}

// AdapterEvent warns that an adapter is used in another way than it was trained: with another
// template, or on a base in another format. The method continues.
type AdapterEvent struct {
	Event    string `json:"event"` // EventAdapter
	Adapter  string `json:"adapter"`
	Template string `json:"template"` // in use
	Base     string `json:"base"`     // in use
	// TrainedTemplate and TrainedBase are those of the training; "" if the adapter does not record
	// them.
	TrainedTemplate string `json:"learnt_template"`
	TrainedBase     string `json:"learnt_base"`
}
