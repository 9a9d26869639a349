package api

import "nextquill/core/causal"

// LoRA is the shape of a new adapter. A field that is not set takes the default in its comment.
type LoRA struct {
	Rank  *int     `json:"rank,omitempty" range:"1 512"`     // 16
	Alpha *float64 `json:"alpha,omitempty" range:"1e-6 1e6"` // 32
	// Targets are the names of linear layers ("q_proj", …); empty means all.
	Targets []string `json:"targets,omitempty"`
}

// DefaultTokenBudget is the number of packed tokens of a micro-batch if Training.TokenBudget is not
// set.
const DefaultTokenBudget = 4096

// Training sets the optimizer and its schedule. A field that is not set takes the default in its
// comment.
type Training struct {
	Epochs      *float64 `json:"epochs,omitempty" range:"1e-6 1e4"`        // 3
	BatchSize   *int     `json:"batch_size,omitempty" range:"1 4096"`      // windows per step, DefaultBatchSize
	LR          *float64 `json:"lr,omitempty" range:"0 10"`                // 1e-3
	Warmup      *float64 `json:"warmup,omitempty" range:"0 1"`             // share of the steps, 0.1
	Decay       string   `json:"decay,omitempty"`                          // one of the Decay constants, DecayCosine
	WeightDecay float64  `json:"weight_decay,omitempty" range:"0 1"`       // 0
	Clip        *float64 `json:"clip,omitempty" range:"0 3e38"`            // global norm of the gradients, 1; 0 is off
	Seed        uint64   `json:"seed,omitempty"`                           // 0
	TokenBudget *int     `json:"token_budget,omitempty" range:"1 1048576"` // DefaultTokenBudget
	// Recompute runs each layer forward again in the backward pass instead of keeping its
	// activations: slower, with bit-identical results. If it is not set, memory decides; see
	// MemoryEvent.Why.
	Recompute *bool `json:"recompute,omitempty"`
	// EvalEvery is the number of steps between tests on the held-out items; 0 tests at the end of
	// each epoch only. Patience is the number of tests without a lower loss after which training
	// stops; 0 never stops early.
	EvalEvery int `json:"eval_every,omitempty" range:"0 1000000000"`
	Patience  int `json:"patience,omitempty" range:"0 1000000000"`
	// CheckpointEvery is the number of steps between checkpoints, 10.
	CheckpointEvery *int `json:"checkpoint_every,omitempty" range:"1 1000000000"`
}

// The shapes of the learning rate's decay.
const (
	DecayCosine   = "cosine"
	DecayLinear   = "linear"
	DecayConstant = "constant"
)

// DefaultBatchSize returns the batch size that is used if Training.BatchSize is not set. It is a
// twentieth of the number of training windows (TextCounts.Windows), rounded down, but at least 2
// and at most 8. With few texts, a small batch gives more steps than a batch of 8 with the same
// computation, and a lower loss (docs/results.md).
func DefaultBatchSize(windows int) int { return max(2, min(8, windows/20)) }

// MaxWriters bounds PersonalizeParams.Writers.
const MaxWriters = 10_000

// PersonalizeParams are the parameters of "personalize": train on the items of Source, and write
// the adapter to Out+"/adapter_config.json" and Out+"/adapter_model.safetensors". Checkpoints are
// kept under Out+"/checkpoint" until the end.
type PersonalizeParams struct {
	Loading
	Model  string `json:"model"` // folder of the model
	Source Source `json:"source"`
	// Writers are blobs with the items of further writers to train on, at most MaxWriters, each
	// with at least two items. The prompt for an item shows earlier items of the same writer only.
	// The held-out items are those of Source.
	Writers []string `json:"writers,omitempty"`
	// Template is one of the Template constants. Empty means the template of the adapter in From,
	// else the model's chat template if it has one, else TemplatePlain. The adapter records it, and
	// methods that use the adapter take it as their default.
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
	Preset    string    `json:"preset"` // see causal.Presets
	// Override replaces the preset's options if it is set.
	Override *causal.Options `json:"override,omitempty"`
	// Expert is the folder of the frozen adapter θ_D, for presets that need one.
	Expert string `json:"expert,omitempty"`
	LoRA   LoRA   `json:"lora"`
	// From is the folder of an adapter to start from, trained here or by PEFT. It determines rank,
	// alpha and layers, so LoRA must be empty. The optimizer starts with fresh moments.
	From string `json:"from,omitempty"`
	// BaseName is the name of the base model that a new adapter records; empty means Model. An
	// adapter that starts From another one keeps the name recorded there.
	BaseName string `json:"base_name,omitempty"`
	// Datastore also writes a datastore of the training items of Source next to the adapter, with
	// the hidden states of the trained model. Methods that use the adapter then use it as well. nil
	// writes none. With Full it is refused.
	Datastore *Datastore `json:"datastore,omitempty"`
	// Full trains all weights instead of an adapter. Out then becomes the folder of a model:
	// config.json, tokenizer.json and model.safetensors in F32.
	Full     bool     `json:"full,omitempty"`
	Training Training `json:"training"`
	Out      string   `json:"out"`
	// Resume continues from the newest checkpoint in Out if there is one.
	Resume bool `json:"resume,omitempty"`
	// KeepCheckpoint leaves the checkpoint of the last step in place, for a caller that records the
	// end of the run elsewhere and then deletes it. If the process is killed in between, resuming
	// ends at once with the same adapter.
	KeepCheckpoint bool `json:"keep_checkpoint,omitempty"`
}

// PersonalizeResult summarizes a run.
type PersonalizeResult struct {
	Steps     int     `json:"steps"`
	Tokens    int64   `json:"tokens"` // packed tokens
	Seconds   float64 `json:"seconds"`
	Loss      float64 `json:"loss"`    // of the last steps
	Heldout   float64 `json:"heldout"` // nats per response token, the best seen; 0 without held-out texts
	Stopped   string  `json:"stopped"` // StoppedDone or StoppedEarly
	PeakBytes int64   `json:"peak_bytes"`
	Resumed   int     `json:"resumed"` // step that the run continued from, else 0
	Skipped   int     `json:"skipped"` // items that do not fit the prompt, as in Train
	// Train and Tested count the texts to train on and the held-out ones.
	Train TextCounts `json:"train"`
	// Remembered counts the datastore; nil without one.
	Remembered *RememberResult `json:"remembered,omitempty"`
	Tested     TextCounts      `json:"tested"`
}

// The reasons why training ended.
const (
	StoppedDone  = "done"  // all steps are done
	StoppedEarly = "early" // the held-out loss stopped falling; see Training.Patience
)
