package session

import "nextquill/core/causal"

// The methods of a session and their parameters. Every front (CLI, page, tests)
// speaks these as JSON; see Register and Serve. Names of blobs are paths in the
// store that the host opened: "model/config.json", "history.jsonl", "out/adapter".

// Source names the writer's items: a JSONL blob as core/history exports it.
type Source struct {
	// History is the blob with the items to learn from and to prompt with.
	History string `json:"history"`
	// Heldout is a blob with items to test on; all must be later than what is
	// retrieved for them. Empty splits HeldoutFraction off the end of History.
	Heldout string `json:"heldout,omitempty"`
	// HeldoutFraction is the share of the newest items kept for testing when
	// Heldout is empty; 0 means 0.2.
	HeldoutFraction float64 `json:"heldout_fraction,omitempty"`
	// MaxItems caps the items learnt from, newest first; 0 takes all.
	MaxItems int `json:"max_items,omitempty"`
	// MaxHeldout caps the items tested on, oldest first; 0 takes all.
	MaxHeldout int `json:"max_heldout,omitempty"`
}

// Retrieval says which earlier items stand in the prompt.
type Retrieval struct {
	// Kind is "latest" or "bm25"; empty means "latest".
	Kind string `json:"kind,omitempty"`
	// K is how many; 0 means 3.
	K int `json:"k,omitempty"`
	// MaxPrompt and MaxResponse bound tokens per sample; 0 takes the model's
	// context into account: responses up to a quarter of it, prompts the rest.
	MaxPrompt   int `json:"max_prompt,omitempty"`
	MaxResponse int `json:"max_response,omitempty"`
}

// LoRA shapes a new adapter.
type LoRA struct {
	Rank  int     `json:"rank"`
	Alpha float64 `json:"alpha"`
	// Targets are the names of linear layers ("q_proj", …); empty means all.
	Targets []string `json:"targets,omitempty"`
}

// Training sets the optimizer and its schedule; zero fields take defaults.
type Training struct {
	Epochs      float64 `json:"epochs,omitempty"`       // 3
	BatchSize   int     `json:"batch_size,omitempty"`   // 8 samples a step
	LR          float64 `json:"lr,omitempty"`           // 1e-3
	Warmup      float64 `json:"warmup,omitempty"`       // share of the steps, 0.1
	Decay       string  `json:"decay,omitempty"`        // "cosine", "linear" or "constant"
	WeightDecay float64 `json:"weight_decay,omitempty"` // 0
	Clip        float64 `json:"clip,omitempty"`         // global norm 1
	Seed        uint64  `json:"seed,omitempty"`
	TokenBudget int     `json:"token_budget,omitempty"` // packed tokens a micro-batch, 4096
	// Recompute runs each layer forward again in the backward pass instead of keeping its
	// activations: slower, with the same result to the bit. Unset, it is done where memory
	// asks for it; see MemoryEvent.Why.
	Recompute *bool `json:"recompute,omitempty"`
	// EvalEvery tests on the held-out items every so many steps (0: only at the
	// end of each epoch), and Patience stops after so many tests without a
	// better loss (0: never).
	EvalEvery int `json:"eval_every,omitempty"`
	Patience  int `json:"patience,omitempty"`
	// CheckpointEvery writes a checkpoint every so many steps; 0 means 10.
	CheckpointEvery int `json:"checkpoint_every,omitempty"`
}

// LoadParams are the parameters of "load": keep a base model on the device, with the
// adapters in these folders. Until "unload" or "release", methods that name this
// model find it there, and one that names one of the folders as its adapter switches
// to it in no time. Calling it again reads the adapters anew; for another model, it
// takes that one's place.
type LoadParams struct {
	Loading
	Model    string   `json:"model"`
	Adapters []string `json:"adapters,omitempty"`
}

// LoadResult tells what "load" took, and what lies on the device after it or after
// "unload".
type LoadResult struct {
	Seconds   float64 `json:"seconds"`
	LiveBytes int64   `json:"live_bytes"`
}

// PersonalizeParams are the parameters of "personalize": fine-tune on Source,
// write the adapter to Out+"/adapter_config.json" and
// Out+"/adapter_model.safetensors", keep checkpoints under Out+"/checkpoint".
type PersonalizeParams struct {
	Loading
	Model  string `json:"model"` // folder of the model
	Source Source `json:"source"`
	// Template is "plain" or "chat"; empty means the model's own chat template if
	// it has one, else plain; with From, that of the adapter there. The adapter notes it,
	// and whoever uses the adapter and asks for none gets it.
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
	Preset    string    `json:"preset"` // see causal.Presets
	// Override replaces the preset's options when set.
	Override *causal.Options `json:"override,omitempty"`
	// Expert is the folder of the frozen θ_D adapter, for presets that want one.
	Expert string `json:"expert,omitempty"`
	LoRA   LoRA   `json:"lora"`
	// From is the folder of an adapter to start from, trained here or by PEFT. Rank, α
	// and layers are its own, so LoRA is left empty; the optimizer starts afresh.
	From string `json:"from,omitempty"`
	// BaseName is what a new adapter calls its base model; empty is Model. One that
	// starts From another keeps the name that it has there.
	BaseName string `json:"base_name,omitempty"`
	// Full trains all weights instead of an adapter; Out then becomes a model
	// folder: config.json, tokenizer.json, model.safetensors (F32).
	Full     bool     `json:"full,omitempty"`
	Training Training `json:"training"`
	Out      string   `json:"out"`
	// Resume goes on from the newest checkpoint in Out when there is one.
	Resume bool `json:"resume,omitempty"`
	// KeepCheckpoint leaves the checkpoint of the last step in place, for a caller
	// that notes elsewhere that the run is done and removes it then: resumed after
	// a kill in between, the run ends at once, in the same adapter.
	KeepCheckpoint bool `json:"keep_checkpoint,omitempty"`
}

// PersonalizeResult sums a run up.
type PersonalizeResult struct {
	Steps     int     `json:"steps"`
	Tokens    int64   `json:"tokens"`
	Seconds   float64 `json:"seconds"`
	Loss      float64 `json:"loss"`
	Heldout   float64 `json:"heldout"` // nats per token, best seen
	Stopped   string  `json:"stopped"` // "done", "early"
	PeakBytes int64   `json:"peak_bytes"`
	Resumed   int     `json:"resumed"` // step that the run went on from
	Skipped   int     `json:"skipped"` // items that did not fit
}

// Events that methods emit, by their "event" field.

// StageEvent tells what a method is doing: "load", "tune", "expert", "train",
// "evaluate", "save".
type StageEvent struct {
	Event string `json:"event"` // "stage"
	Stage string `json:"stage"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// StepEvent reports one optimizer step. Losses come a few steps late: the
// device is only asked now and then.
type StepEvent struct {
	Event     string  `json:"event"` // "step"
	Step      int     `json:"step"`  // 1-based
	Steps     int     `json:"steps"`
	Epoch     float64 `json:"epoch"`
	Loss      float64 `json:"loss"`
	NTP       float64 `json:"ntp_loss"`
	Align     float64 `json:"align_loss"`
	Causal    float64 `json:"causal_share"` // share of tokens with DCE > δ
	LR        float64 `json:"lr"`
	GradNorm  float64 `json:"grad_norm"`
	TokensPS  float64 `json:"tokens_per_second"` // packed tokens
	Seconds   float64 `json:"seconds"`
	Remaining float64 `json:"remaining"` // seconds left, estimated
}

// EvalEvent reports a held-out test in the middle of training.
type EvalEvent struct {
	Event string  `json:"event"` // "eval"
	Step  int     `json:"step"`
	Loss  float64 `json:"loss"`
	Best  bool    `json:"best"`
}

// CheckpointEvent says that a whole checkpoint is on storage.
type CheckpointEvent struct {
	Event string `json:"event"` // "checkpoint"
	Step  int    `json:"step"`
}

// TokenEvent carries a piece of streamed text.
type TokenEvent struct {
	Event string `json:"event"` // "token"
	Text  string `json:"text"`
}

// EvaluateParams are the parameters of "evaluate": held-out loss of a model with
// an optional adapter.
type EvaluateParams struct {
	Loading
	Model     string    `json:"model"`
	Adapter   string    `json:"adapter,omitempty"`
	Source    Source    `json:"source"`
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
	// NoHistory prompts with the erased form.
	NoHistory bool `json:"no_history,omitempty"`
}

// EvaluateResult is the held-out loss in nats per response token.
type EvaluateResult struct {
	Loss   float64    `json:"loss"`
	Tokens int        `json:"tokens"`
	Items  []ItemLoss `json:"items"`
}

// ItemLoss is the summed negative log-likelihood of one item's response.
type ItemLoss struct {
	Item   int     `json:"item"` // index in the held-out set
	Nats   float64 `json:"nats"`
	Tokens int     `json:"tokens"`
}

// Field is one named value of a context, in prompt order.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Sampling says how a token is drawn from the logits.
type Sampling struct {
	Temperature       float64 `json:"temperature,omitempty"` // 0 is greedy
	TopK              int     `json:"top_k,omitempty"`       // 0 is off
	TopP              float64 `json:"top_p,omitempty"`       // 0 or 1 is off
	RepetitionPenalty float64 `json:"repetition_penalty,omitempty"`
	// Steer adds s·(z^h − z^0) to the logits: 0 is off.
	Steer     float64 `json:"steer,omitempty"`
	Seed      uint32  `json:"seed,omitempty"`
	MaxTokens int     `json:"max_tokens,omitempty"` // 64
}

// ChatMessage is one turn of a conversation.
type ChatMessage struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// WriteParams are the parameters of "write": stream a text for Context as the
// writer of Source would, with TokenEvents.
type WriteParams struct {
	Loading
	Model     string    `json:"model"`
	Adapter   string    `json:"adapter,omitempty"`
	Source    Source    `json:"source"`
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
	NoHistory bool      `json:"no_history,omitempty"`
	Context   []Field   `json:"context"`
	// Messages is a conversation to go on with, by the model's chat template, in
	// place of Source and Context.
	Messages []ChatMessage `json:"messages,omitempty"`
	Sampling Sampling      `json:"sampling"`
}

// WriteResult is the whole text.
type WriteResult struct {
	Text     string  `json:"text"`
	Tokens   int     `json:"tokens"`
	Stopped  string  `json:"stopped"` // "eos", "length"
	TokensPS float64 `json:"tokens_per_second"`
}

// ExplainParams are the parameters of "explain": how much of each token of Text
// is the writer's. With Item >= 0 it explains that held-out item instead.
type ExplainParams struct {
	Loading
	Model     string    `json:"model"`
	Adapter   string    `json:"adapter,omitempty"`
	Source    Source    `json:"source"`
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
	Context   []Field   `json:"context,omitempty"`
	Text      string    `json:"text,omitempty"`
	Item      int       `json:"item"`
	// Influence adds, per token, what each retrieved item moved (leave one out).
	Influence bool `json:"influence,omitempty"`
}

// ExplainResult has one entry per response token.
type ExplainResult struct {
	Context []Field      `json:"context"`
	Text    string       `json:"text"`
	Tokens  []TokenCause `json:"tokens"`
	// Items are the texts of the retrieved items, oldest first.
	Items []string `json:"items"`
}

// TokenCause is one token's direct causal effect: DCE = p_with − p_without.
type TokenCause struct {
	Text        string  `json:"text"`
	ID          int32   `json:"id"`
	LogpWith    float64 `json:"logp_with"`
	LogpWithout float64 `json:"logp_without"`
	DCE         float64 `json:"dce"`
	// Influence[i] is the token's log-probability with all items, minus that
	// without item i.
	Influence []float64 `json:"influence,omitempty"`
}

// StepParams are the parameters of "step": one forward and backward over a
// batch, no update. Result and gradients are written as blobs under Out.
type StepParams struct {
	Loading
	Model   string `json:"model"`
	Batch   string `json:"batch"`   // blob: {"samples":[{"with","without","response"}]}
	Options string `json:"options"` // blob, see causal.StepOptions
	Adapter string `json:"adapter,omitempty"`
	Full    bool   `json:"full,omitempty"`
	Out     string `json:"out"`
	// TokenBudget and Recompute as in Training.
	TokenBudget int   `json:"token_budget,omitempty"`
	Recompute   *bool `json:"recompute,omitempty"`
}

// BenchParams are the parameters of "bench".
type BenchParams struct {
	Loading
	Model string `json:"model"`
	LoRA  LoRA   `json:"lora"`
	// Full trains all weights instead of an adapter.
	Full bool `json:"full,omitempty"`
	// Presets to step, in turns; empty means contextsft and nextquill-code.
	Presets []string `json:"presets,omitempty"`
	// LR of the steps. 0 means 1e-6, which hardly moves the weights.
	LR float64 `json:"lr,omitempty"`
	// Batch is a blob with the samples to step, as "step" takes them; empty
	// means one random sample of the lengths below.
	Batch string `json:"batch,omitempty"`
	// Lengths of the random sample, in tokens.
	Prefix   int `json:"prefix"`
	History  int `json:"history"`
	Suffix   int `json:"suffix"`
	Response int `json:"response"`
	// Repeats of each step; the best counts. 0 means 5.
	Repeats int `json:"repeats,omitempty"`
	// StepsOnly leaves out the best matmul and the kernels one by one.
	StepsOnly bool `json:"steps_only,omitempty"`
	// Recompute has the steps recompute activations.
	Recompute bool `json:"recompute,omitempty"`
	// Bases are timed against each other, instead of the kernels of one.
	Bases []string `json:"bases,omitempty"`
}

// BenchResult has a row per kernel and the figures of whole steps.
type BenchResult struct {
	Adapter      string        `json:"adapter"`
	MatmulGFLOPS float64       `json:"matmul_gflops"`
	Kernels      []KernelBench `json:"kernels"`
	Steps        []StepBench   `json:"steps"`
	Bases        []BaseBench   `json:"bases,omitempty"`
	// Ratio is seconds of a step of the second preset over one of the first; 0
	// with a single preset.
	Ratio     float64 `json:"ratio"`
	PeakBytes int64   `json:"peak_bytes"`
}

// KernelBench is one kernel's throughput in the plan of a step.
type KernelBench struct {
	Kernel  string  `json:"kernel"`
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	GFLOPS  float64 `json:"gflops"`
	Share   float64 `json:"share"` // of the step's time
}

// StepBench is one whole training step.
type StepBench struct {
	Preset      string  `json:"preset"`
	Tokens      int     `json:"tokens"`
	Seconds     float64 `json:"seconds"`
	GFLOPS      float64 `json:"gflops"`
	Utilization float64 `json:"utilization"` // GFLOPS over MatmulGFLOPS
	// Runs are all that was timed, in seconds, and Losses the losses before each
	// of these steps' updates. The step that compiles is in neither, and with LR
	// above 0 every step starts where the one before ended.
	Runs   []float64 `json:"runs"`
	Losses []float64 `json:"losses"`
}
