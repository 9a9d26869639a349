package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"nextquill/core/api"
	"nextquill/core/causal"
)

// cli is the command line.
type cli struct {
	Run         runCmd           `cmd:"" group:"start" help:"Do the whole job on the sample writer, or on your own texts, and show what changed."`
	Personalize personalizeCmd   `cmd:"" group:"work" help:"Learn from your texts: writes an adapter."`
	Write       writeCmd         `cmd:"" group:"work" help:"Write a text as the writer would."`
	Explain     explainCmd       `cmd:"" group:"work" help:"Show which words of a text are the writer's own."`
	Adapter     adapterCmd       `cmd:"" group:"work" help:"Look into an adapter, check it, or merge it into its base model."`
	Model       modelCmd         `cmd:"" group:"models" help:"Get, list, check, convert and remove models."`
	Serve       serveCmd         `cmd:"" group:"work" help:"Serve the page that does all this in a browser, on this machine."`
	Step        stepCmd          `cmd:"" group:"check" help:"Do one exact training step and write its loss and gradients."`
	Bench       benchCmd         `cmd:"" group:"check" help:"Measure kernels and training steps on this machine."`
	Version     kong.VersionFlag `help:"Print the version."`
}

// globals are the flags of every command. Commands embed them last, so that help shows their own flags first.
type globals struct {
	Model  string   `group:"common" placeholder:"MODEL" help:"Base model: the name of one that 'nextquill model get' brought, a folder in Hugging Face's form or with a manifest, or a GGUF file. Default: the embedded model."`
	Models string   `group:"common" env:"NEXTQUILL_MODELS" placeholder:"DIR" help:"Where models are kept. Default: nextquill/models among the user's data."`
	Base   string   `group:"common" enum:"auto,f32,f16,q8,q4" default:"auto" help:"How the model's weights stay on the GPU: f32, f16, q8 or q4, or auto, the smallest that holds what the file has exactly."`
	Memory byteSize `group:"common" placeholder:"SIZE" help:"The most to take of the GPU's memory, such as 600MB; what would take more is refused, with what would fit."`
	Out    string   `group:"common" default:"out" help:"Where results go."`
	Engine string   `group:"common" enum:"wazero,native" default:"wazero" help:"What runs the core: wazero (the WASM guest, as it ships) or native (the same code in this process)."`
	Wasm   string   `group:"common" placeholder:"FILE" help:"The guest for --engine wazero. Default: build/nextquill.wasm."`
	JSON   bool     `group:"common" name:"json" help:"Write events and results to stdout as lines of JSON."`
}

const about = `Teach a small language model to write like one person, on this machine.

Nothing leaves it: the learning runs in a WASM guest that can reach the GPU and the files you name, and nothing else.

  nextquill run                                the whole job on a sample writer, in minutes
  nextquill run --history my-posts.jsonl       the same on your own texts
  nextquill write "ambition"                   write with what was learnt
  nextquill explain --item 3                   which words are the writer's own`

// settings are kong's options.
func settings() []kong.Option {
	return []kong.Option{
		kong.Name("nextquill"),
		kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.Vars{
			"version": "nextquill " + api.Version, "presets": strings.Join(causal.Presets(), ", "),
			"maxItems": strconv.Itoa(showcase.maxItems), "maxHeldout": strconv.Itoa(showcase.maxHeldout),
			"epochs": fmt.Sprint(usualTraining.Epochs), "batch": fmt.Sprint(usualTraining.BatchSize),
			"lr": fmt.Sprint(usualTraining.LR), "decay": usualTraining.Decay, "rank": fmt.Sprint(usualLoRA.Rank),
		},
		kong.ExplicitGroups([]kong.Group{
			{Key: "start", Title: "Start here"},
			{Key: "work", Title: "With your own texts"},
			{Key: "models", Title: "Models"},
			{Key: "check", Title: "For engineers and researchers"},
			{Key: "texts", Title: "Texts"},
			{Key: "learning", Title: "Learning"},
			{Key: "sampling", Title: "Sampling"},
			{Key: "step", Title: "The step"},
			{Key: "bench", Title: "The sample that is stepped"},
			{Key: "serving", Title: "Serving"},
			{Key: "common", Title: "Every command"},
		}),
	}
}

// promptFlags say which of the writer's texts stand in a prompt.
type promptFlags struct {
	Retrieve string `group:"texts" enum:"latest,bm25" default:"latest" help:"Which earlier texts stand in the prompt: the latest, or those that match best (bm25)."`
	K        int    `group:"texts" default:"3" help:"How many earlier texts stand in the prompt."`
	Template string `group:"texts" enum:"auto,plain,chat" default:"auto" help:"How a prompt is laid out: plain, by the model's own chat template (chat), or so if it has one (auto). An adapter wants what it was trained with."`
}

// template is the name as a session takes it.
func (p promptFlags) template() string {
	if p.Template == "auto" {
		return ""
	}
	return p.Template
}

func (p promptFlags) retrieval() api.Retrieval {
	return api.Retrieval{Kind: p.Retrieve, K: p.K}
}

// learningFlags shape a training; zero means the usual (showcase.go).
type learningFlags struct {
	Epochs    float64 `group:"learning" placeholder:"N" help:"Passes over the texts (${epochs})."`
	BatchSize int     `group:"learning" placeholder:"N" help:"Texts per step (${batch})."`
	LR        float64 `group:"learning" placeholder:"X" name:"lr" help:"Highest learning rate (${lr})."`
	Decay     string  `group:"learning" enum:"cosine,linear,constant," default:"" placeholder:"NAME" help:"How the learning rate falls: cosine, linear or constant (${decay})."`
	Rank      int     `group:"learning" placeholder:"N" help:"Rank of the LoRA adapter (${rank})."`
	Alpha     float64 `group:"learning" placeholder:"N" help:"LoRA's alpha (twice the rank)."`
	Seed      uint64  `group:"learning" default:"1" help:"Fixes every random choice."`
	Patience  int     `group:"learning" placeholder:"N" help:"Stop after so many tests without a better loss, on a part of the texts put aside for that (never)."`
	Recompute *bool   `group:"learning" negatable:"" help:"Recompute activations in the backward pass: less GPU memory, slower, the same result. Default: where they would not fit --memory, or pass 512 MiB without it."`
	Resume    bool    `group:"learning" help:"Go on from the newest checkpoint in the output folder."`
}

func (l learningFlags) lora() api.LoRA {
	d := usualLoRA
	if l.Rank != 0 {
		d.Rank, d.Alpha = l.Rank, 2*float64(l.Rank)
	}
	if l.Alpha != 0 {
		d.Alpha = l.Alpha
	}
	return d
}

func (l learningFlags) training() api.Training { return l.trainingFrom(usualTraining) }

// trainingFrom puts the flags over what is done without them.
func (l learningFlags) trainingFrom(d api.Training) api.Training {
	if l.Epochs != 0 {
		d.Epochs = l.Epochs
	}
	if l.BatchSize != 0 {
		d.BatchSize = l.BatchSize
	}
	if l.LR != 0 {
		d.LR = l.LR
	}
	if l.Decay != "" {
		d.Decay = l.Decay
	}
	if l.Patience != 0 {
		d.Patience = l.Patience
	}
	d.Seed, d.Recompute = l.Seed, l.Recompute
	return d
}

// contextFlags say what a text is about.
type contextFlags struct {
	Context []string `group:"texts" short:"c" sep:"none" placeholder:"NAME=VALUE" help:"A circumstance of the text, such as part=noun; repeat it for more, in the order of the prompt."`
}

// samplingFlags say how tokens are drawn.
type samplingFlags struct {
	Temperature       float64 `group:"sampling" default:"0.7" help:"0 takes the likeliest token each time."`
	TopK              int     `group:"sampling" default:"40" help:"Draw among so many likeliest tokens; 0 is off."`
	TopP              float64 `group:"sampling" default:"0.95" help:"Draw among the likeliest tokens that hold this probability; 1 is off."`
	RepetitionPenalty float64 `group:"sampling" default:"1.1" help:"Make tokens that were used less likely; 1 is off."`
	Steer             float64 `group:"sampling" default:"0" help:"Push towards the writer: adds this share of the history's effect to the logits."`
	Seed              uint32  `group:"sampling" default:"1" help:"Fixes the draw."`
	MaxTokens         int     `group:"sampling" default:"96" help:"Longest text, in tokens."`
}

func (s samplingFlags) sampling() api.Sampling {
	return api.Sampling{
		Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, RepetitionPenalty: s.RepetitionPenalty,
		Steer: s.Steer, Seed: s.Seed, MaxTokens: s.MaxTokens,
	}
}
