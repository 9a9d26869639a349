package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
)

type personalizeCmd struct {
	History string `group:"texts" placeholder:"PATH" help:"Your texts: a .jsonl, .csv or .txt file, or a folder of Markdown."`
	promptFlags
	learningFlags
	MaxItems int     `group:"texts" placeholder:"N" help:"Learn from so many of the newest texts at most (all)."`
	Heldout  float64 `group:"texts" default:"0.2" help:"Share of the newest texts to keep for testing."`
	Preset   string  `group:"learning" default:"nextquill" help:"Objective: ${presets}."`
	Options  string  `group:"learning" placeholder:"FILE" help:"Options of the objective in JSON, as for 'step', instead of a preset's."`
	Full     bool    `group:"learning" help:"Train all weights instead of an adapter; writes a model to OUT/model. Wants a lower --lr, such as 2e-4."`
	From     string  `group:"learning" placeholder:"DIR" help:"Start from this adapter instead of a new one: it may be an earlier run's or PEFT's, and keeps its rank, alpha and layers."`
	Expert   string  `group:"learning" placeholder:"DIR" help:"Frozen adapter that judges which tokens are the writer's. Default: one is trained first, where the preset wants it."`
	globals
}

func (personalizeCmd) Help() string {
	return `Fine-tunes a LoRA adapter on your texts and tests it on the newest of them, which it does not learn from.
The adapter is written in PEFT's format to OUT/adapter, and the texts are copied to OUT so that 'write' and 'explain' find them.

Ctrl-C stops after the current step and leaves a whole checkpoint; the same command with --resume goes on from there.

  nextquill personalize --history posts.jsonl
  nextquill personalize --history notes/ --epochs 5 --rank 16
  nextquill personalize --history posts.jsonl --preset contextsft --out out/plain
  nextquill personalize --history newer.jsonl --from out/adapter --out out/further

A line of posts.jsonl: {"context": {"subject": "lunch"}, "text": "Let's meet at noon.", "time": "2024-05-17"}`
}

func (c personalizeCmd) Run(ctx context.Context, a *app) (err error) {
	if c.History == "" {
		return fault.New(fault.Missing, "--history", "", "no texts to learn from were named").
			WithRemedy("give a file or folder, such as --history posts.jsonl; for the sample writer use `nextquill run`")
	}
	items, err := readTexts(c.History)
	if err != nil {
		return err
	}
	learn, heldout, err := history.SplitFraction(items, c.Heldout)
	if err != nil {
		return err
	}
	if c.From != "" && (c.Full || c.Rank != 0 || c.Alpha != 0) {
		return fault.New(fault.Mismatch, "--from", "", "an adapter to start from has its own rank and alpha, and is what is trained").
			WithRemedy("leave out --rank, --alpha and --full; to train all weights, merge it first: nextquill adapter merge")
	}
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	s := &study{job: j, retrieval: c.retrieval(), template: c.template(), lora: c.lora(), training: c.training(), resume: c.Resume}
	if s.corpus, err = j.giveCorpus(ctx, learn, heldout, c.History, true); err != nil {
		return err
	}
	s.source.MaxItems = c.MaxItems
	options, override, err := c.objective(j)
	if err != nil {
		return err
	}
	if c.Expert != "" {
		if s.expert, err = j.mountAdapter(expertDir, c.Expert); err != nil {
			return err
		}
	}
	from := ""
	if c.From != "" {
		if from, err = j.mountAdapter(fromDir, c.From); err != nil {
			return err
		}
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	if !c.Full { // that one trains weights of its own
		if err := j.hold(ctx); err != nil {
			return err
		}
	}
	base, err := s.score(ctx, "Base with history", "", false)
	if err != nil {
		return err
	}
	models := []scored{base}
	if from != "" {
		start, err := s.score(ctx, "From", from, options.NoHistory)
		if err != nil {
			return err
		}
		models = append(models, start)
	}
	s.from = from
	phases := api.Phases(c.Preset, options)
	last := len(phases) - 1
	if s.expert == "" {
		for _, phase := range phases[:last] {
			if _, err := s.fit(ctx, presetTitle(phase.Preset), phase, nil); err != nil {
				return err
			}
		}
	}
	after, made, err := c.learn(ctx, s, phases[last], options, override)
	if err != nil || a.JSON {
		return err
	}
	table, err := compare(append(models, after), 0, len(models))
	if err != nil {
		return err
	}
	a.terminal().Heldout(table)
	fmt.Fprintln(a.stdout, made)
	return nil
}

// learn trains and tests; it says what was made and how to try it.
func (c personalizeCmd) learn(ctx context.Context, s *study, phase api.Phase, o causal.Options, override *causal.Options) (scored, string, error) {
	if s.full = c.Full; s.full {
		phase.Out = "model"
	}
	if _, err := s.fit(ctx, c.Preset, phase, override); err != nil {
		return scored{}, "", err
	}
	path := s.table.Path(phaseOut(phase.Out))
	if c.Full {
		after, err := s.scoreModel(ctx, c.Preset, phaseOut(phase.Out), "", o.NoHistory)
		return after, fmt.Sprintf("The model is in %s. Try: nextquill write \"…\" --model %s --adapter none --out %s", path, path, s.Out), err
	}
	after, err := s.score(ctx, c.Preset, phaseOut(phase.Out), o.NoHistory)
	return after, fmt.Sprintf("The adapter is in %s. Try: nextquill write \"…\" --out %s", path, s.Out), err
}

// objective gives the options in force, and the override to send when they come from a file.
func (c personalizeCmd) objective(j *job) (causal.Options, *causal.Options, error) {
	if c.Options == "" {
		o, err := causal.Preset(c.Preset)
		return o, nil, err
	}
	raw, err := os.ReadFile(c.Options)
	if err != nil {
		return causal.Options{}, nil, unreadable(c.Options, err)
	}
	o, err := causal.ParseOptions(c.Options, raw)
	return o, &o, err
}
