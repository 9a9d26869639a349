package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/method"
)

// cli is the command line.
type cli struct {
	Run         runCmd           `cmd:"" group:"start" help:"Run the complete demo on the sample writer or on your own texts."`
	Personalize personalizeCmd   `cmd:"" group:"work" help:"Train an adapter on your texts."`
	Write       writeCmd         `cmd:"" group:"work" help:"Write a text in the writer's style."`
	Explain     explainCmd       `cmd:"" group:"work" help:"Show which words of a text depend on the writer's history."`
	Adapter     adapterCmd       `cmd:"" group:"work" help:"Inspect an adapter, verify it, or merge it into its base model."`
	Model       modelCmd         `cmd:"" group:"models" help:"Get, list, verify, convert and remove models."`
	Serve       serveCmd         `cmd:"" group:"work" help:"Serve the browser version on this machine."`
	Eval        evalCmd          `cmd:"" group:"check" help:"Compare methods on the texts of one or many writers."`
	Step        stepCmd          `cmd:"" group:"check" help:"Run one exact forward and backward pass and write its loss and gradients."`
	Bench       benchCmd         `cmd:"" group:"check" help:"Measure kernels and training steps on this machine."`
	Version     kong.VersionFlag `help:"Print the version."`
}

// globals are the flags of every command. Commands embed them last, so that help shows their own
// flags first.
type globals struct {
	Model  string   `group:"common" placeholder:"MODEL" help:"Base model: name of a stored model ('nextquill model get'), folder in Hugging Face format or with a manifest, or GGUF file. Default: the embedded model."`
	Models string   `group:"common" env:"NEXTQUILL_MODELS" placeholder:"DIR" help:"Folder of the stored models. Default: nextquill/models in the user's data folder."`
	Base   string   `group:"common" enum:"auto,f32,f16,q8,q4" default:"auto" help:"Format of the weights on the GPU: f32, f16, q8, q4, or auto (the smallest format that represents the file's weights exactly)."`
	Memory byteSize `group:"common" placeholder:"SIZE" help:"Limit for GPU memory, such as 600MB. A command that needs more fails, and the error says what would fit."`
	Out    string   `group:"common" default:"out" help:"Output folder."`
	Engine string   `group:"common" enum:"wazero,native" default:"wazero" help:"What runs the core: wazero (the shipped WASM guest) or native (the same code in this process)."`
	Wasm   string   `group:"common" placeholder:"FILE" help:"WASM guest for --engine wazero. Default: build/nextquill.wasm."`
	JSON   bool     `group:"common" name:"json" help:"Write events and results to stdout as lines of JSON."`
}

const description = `Fine-tune a small language model to write like one person, on this machine.

Your texts stay here: the core runs in a WASM guest that can only access the GPU and the files you name.

  nextquill run                                the complete demo on a sample writer, in minutes
  nextquill run --history my-posts.jsonl       the same on your own texts
  nextquill write "ambition"                   write with the trained adapter
  nextquill explain --item 3                   which words depend on the history`

// settings are kong's options.
func settings() []kong.Option {
	return []kong.Option{
		kong.Name("nextquill"),
		kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.Vars{
			"version": "nextquill " + api.Version, "presets": strings.Join(causal.Presets(), ", "),
			"maxItems": strconv.Itoa(demo.maxItems), "maxHeldout": strconv.Itoa(demo.maxHeldout),
			"epochs": fmt.Sprint(*defaultTraining.Epochs), "lr": fmt.Sprint(*defaultTraining.LR), "batch": batchRule,
			"decay": defaultTraining.Decay, "rank": fmt.Sprint(*defaultLoRA.Rank),
			"methods": strings.Join(defaultMethods, ","), "allMethods": strings.Join(method.Names(), ", "),
		},
		kong.ExplicitGroups([]kong.Group{
			{Key: "start", Title: "Start here"},
			{Key: "work", Title: "With your own texts"},
			{Key: "models", Title: "Models"},
			{Key: "check", Title: "For engineers and researchers"},
			{Key: "texts", Title: "Texts"},
			{Key: "training", Title: "Training"},
			{Key: "sampling", Title: "Sampling"},
			{Key: "step", Title: "Training step"},
			{Key: "bench", Title: "Benchmark sample"},
			{Key: "eval", Title: "Methods and results"},
			{Key: "serving", Title: "Serving"},
			{Key: "common", Title: "Common flags"},
		}),
	}
}

// promptFlags select the texts in a prompt and its layout.
type promptFlags struct {
	Retrieve string `group:"texts" enum:"latest,bm25" default:"latest" help:"Which earlier texts the prompt contains: the latest (latest) or the best matches (bm25)."`
	K        int    `group:"texts" default:"3" api:"Retrieval.K" help:"Number of earlier texts in the prompt."`
	Template string `group:"texts" enum:"auto,plain,chat" default:"auto" help:"Prompt template: plain, chat (the model's chat template), or auto (chat if the model has a chat template, else plain). Use the one that the adapter was trained with."`
}

// template is the template name in requests.
func (p promptFlags) template() string {
	if p.Template == "auto" {
		return ""
	}
	return p.Template
}

func (p promptFlags) retrieval() api.Retrieval {
	return api.Retrieval{Kind: p.Retrieve, K: &p.K}
}

// optimizerFlags set the training parameters; nil means the default (defaults.go).
type optimizerFlags struct {
	Epochs    *float64 `group:"training" api:"Training.Epochs" placeholder:"N" help:"Passes over the texts (${epochs})."`
	BatchSize *int     `group:"training" api:"Training.BatchSize" placeholder:"N" help:"Texts per step (${batch})."`
	LR        *float64 `group:"training" api:"Training.LR" placeholder:"X" name:"lr" help:"Peak learning rate (${lr})."`
	Decay     string   `group:"training" enum:"cosine,linear,constant," default:"" placeholder:"NAME" help:"Learning rate schedule: cosine, linear or constant (${decay})."`
	Rank      *int     `group:"training" api:"LoRA.Rank" placeholder:"N" help:"Rank of the LoRA adapter (${rank})."`
	Alpha     *float64 `group:"training" api:"LoRA.Alpha" placeholder:"N" help:"Alpha of the LoRA adapter (twice the rank)."`
	Seed      uint64   `group:"training" default:"1" help:"Random seed."`
}

// trainingFlags are the flags of a command that trains once.
type trainingFlags struct {
	optimizerFlags
	Patience  int   `group:"training" api:"Training.Patience" placeholder:"N" help:"Early stopping: hold out a part of the training texts, and stop after this many evaluations without a lower loss on it (never)."`
	Recompute *bool `group:"training" negatable:"" help:"Recompute activations in the backward pass: takes less GPU memory and more time, and gives the same result. Default: only if activations would not fit --memory, or would take more than 512 MiB without it."`
	Resume    bool  `group:"training" help:"Resume from the newest checkpoint in the output folder."`
}

func (l optimizerFlags) lora() api.LoRA {
	d := defaultLoRA
	if l.Rank != nil {
		d.Rank, d.Alpha = l.Rank, new(2*float64(*l.Rank))
	}
	if l.Alpha != nil {
		d.Alpha = l.Alpha
	}
	return d
}

func (l trainingFlags) training() api.Training { return l.trainingFrom(defaultTraining) }

// trainingFrom overrides the defaults with the flags.
func (l trainingFlags) trainingFrom(d api.Training) api.Training {
	d = l.optimizer(d)
	d.Patience, d.Recompute = l.Patience, l.Recompute
	return d
}

// optimizer overrides the defaults with the flags.
func (l optimizerFlags) optimizer(d api.Training) api.Training {
	if l.Epochs != nil {
		d.Epochs = l.Epochs
	}
	if l.BatchSize != nil {
		d.BatchSize = l.BatchSize
	}
	if l.LR != nil {
		d.LR = l.LR
	}
	if l.Decay != "" {
		d.Decay = l.Decay
	}
	d.Seed = l.Seed
	return d
}

// contextFlags set the context of a text.
type contextFlags struct {
	Context []string `group:"texts" short:"c" sep:"none" placeholder:"NAME=VALUE" help:"Context field of the text, such as part=noun. Repeat it for more fields, in the order of the prompt."`
}

// samplingFlags control sampling.
type samplingFlags struct {
	Temperature       float64 `group:"sampling" api:"Sampling.Temperature" default:"0.7" help:"Sampling temperature; 0 always takes the most likely token."`
	TopK              int     `group:"sampling" api:"Sampling.TopK" default:"40" help:"Sample from this many most likely tokens; 0 is off."`
	TopP              float64 `group:"sampling" api:"Sampling.TopP" default:"0.95" help:"Sample from the most likely tokens with this total probability; 1 is off, 0 takes the most likely token."`
	RepetitionPenalty float64 `group:"sampling" api:"Sampling.RepetitionPenalty" default:"1.1" help:"Make repeated tokens less likely; 1 is off."`
	Steer             float64 `group:"sampling" api:"Sampling.Steer" default:"0" help:"Context steering: add this multiple of the history's effect to the logits."`
	Seed              uint32  `group:"sampling" default:"1" help:"Random seed."`
	MaxTokens         int     `group:"sampling" api:"Sampling.MaxTokens" default:"96" help:"Maximum length of the text in tokens."`
}

func (s samplingFlags) sampling() api.Sampling {
	return api.Sampling{
		Temperature: s.Temperature, TopK: s.TopK, TopP: &s.TopP, RepetitionPenalty: &s.RepetitionPenalty,
		Steer: s.Steer, Seed: s.Seed, MaxTokens: &s.MaxTokens,
	}
}
