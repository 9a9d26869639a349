package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
)

type personalizeCmd struct {
	History string `group:"texts" placeholder:"PATH" help:"Your texts: a chat, mailbox, table, note, document or export, a zip file, or a folder of these; see docs/texts.md."`
	importFlags
	DryRun bool `group:"texts" help:"Show what --history would import, without training: senders, dates, samples, and what is left out and why."`
	promptFlags
	trainingFlags
	MaxItems *int    `group:"texts" api:"Source.MaxItems" placeholder:"N" help:"Maximum number of training texts, newest first (all)."`
	Heldout  float64 `group:"texts" default:"0.2" api:"Source.HeldoutFraction" help:"Fraction of the texts, the newest, to hold out for testing."`
	Preset   string  `group:"training" aliases:"method" default:"quill" help:"Method to train with, also as --method: ${presets}."`
	Options  string  `group:"training" placeholder:"FILE" help:"Options of the objective in JSON, as for 'step', instead of a preset."`
	Full     bool    `group:"training" help:"Train all weights instead of an adapter; writes a model to OUT/model. Needs a lower --lr, such as 2e-4."`
	From     string  `group:"training" placeholder:"DIR" help:"Start from this adapter, which may come from an earlier run or from PEFT. It keeps its rank, alpha and layers."`
	Expert   string  `group:"training" placeholder:"DIR" help:"Frozen adapter θ_D that determines the DCE (data-side causal effect) of tokens. Default: trained first if the preset needs one."`
	globals
}

func (personalizeCmd) Help() string {
	return `Trains a LoRA adapter on your texts and evaluates it on the newest of them, which are held out.
The adapter is written in PEFT's format to OUT/adapter, and the texts are copied to OUT for
'write' and 'explain'.

Ctrl-C stops after the current training step and writes a checkpoint. The same command with --resume continues from it.

  nextquill personalize --history posts.jsonl
  nextquill personalize --history notes/ --epochs 5 --rank 16
  nextquill personalize --history mail.mbox --me ann@example.org
  nextquill personalize --history posts.jsonl --method nextquill --out out/paper
  nextquill personalize --history newer.jsonl --from out/adapter --out out/further

A line of posts.jsonl: {"context": {"subject": "lunch"}, "text": "Let's meet at noon.", "time": "2024-05-17"}`
}

func (c personalizeCmd) Run(ctx context.Context, a *app) (err error) {
	if c.History == "" {
		return fault.New(fault.Missing, "--history", "", "is missing").
			WithRemedy("set a file or folder, such as --history posts.jsonl; for the sample writer use `nextquill run`")
	}
	if c.DryRun {
		a.globals = c.globals
		return a.dryRun(c.History, c.importFlags)
	}
	items, err := a.readTexts(c.History, c.importFlags)
	if err != nil {
		return err
	}
	training, heldout, err := a.split(items, c.Heldout)
	if err != nil {
		return err
	}
	if c.From != "" && (c.Full || c.Rank != nil || c.Alpha != nil) {
		return fault.New(fault.Mismatch, "--from", "",
			"cannot be combined with --rank, --alpha or --full: the adapter has its own rank and alpha").
			WithRemedy("remove --rank, --alpha and --full; to train all weights, " +
				"merge the adapter first: nextquill adapter merge")
	}
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	s := &experiment{job: j, retrieval: c.retrieval(), template: c.template(), lora: c.lora(), training: c.training(),
		resume: c.Resume}
	if s.corpus, err = j.putCorpus(ctx, training, heldout, c.History, true); err != nil {
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

	if !c.Full { // full fine-tuning changes the base weights
		if err := j.loadModel(ctx); err != nil {
			return err
		}
	}
	s.from = from
	models, err := c.baselines(ctx, s, options)
	if err != nil {
		return err
	}
	phases := api.Phases(c.Preset, options)
	last := len(phases) - 1
	if s.expert == "" {
		for _, phase := range phases[:last] {
			if _, err := s.trainPhase(ctx, presetTitle(phase.Preset), phase, nil); err != nil {
				return err
			}
		}
	}
	after, message, err := c.train(ctx, s, phases[last], options, override)
	if err != nil || a.JSON {
		return err
	}
	if s.untested() {
		fmt.Fprintln(a.stdout, message)
		return nil
	}
	table, err := compare(append(models, after), 0, len(models))
	if err != nil {
		return err
	}
	a.terminal().Heldout(table)
	fmt.Fprintln(a.stdout, message)
	return nil
}

// baselines evaluates what training starts from: the base model, and the adapter of --from.
func (c personalizeCmd) baselines(ctx context.Context, s *experiment, o causal.Options) ([]evaluation, error) {
	if s.untested() {
		return nil, nil
	}
	base, err := s.evaluate(ctx, "Base with history", "", false)
	models := []evaluation{base}
	if err == nil && s.from != "" {
		var start evaluation
		start, err = s.evaluate(ctx, "From", s.from, o.NoHistory)
		models = append(models, start)
	}
	return models, err
}

// train trains and evaluates. The returned text says what was written and how to try it.
func (c personalizeCmd) train(ctx context.Context, s *experiment, phase api.Phase, o causal.Options,
	override *causal.Options) (evaluation, string, error) {
	if s.full = c.Full; s.full {
		phase.Out = "model"
	}
	if _, err := s.trainPhase(ctx, c.Preset, phase, override); err != nil {
		return evaluation{}, "", err
	}
	path, model, adapter := s.table.Path(phaseOut(phase.Out)), modelDir, phaseOut(phase.Out)
	message := fmt.Sprintf("Adapter: %s. Try: nextquill write \"…\" --out %s", path, s.Out)
	if c.Full {
		model, adapter = adapter, ""
		message = fmt.Sprintf("Model: %s. Try: nextquill write \"…\" --model %s --adapter none --out %s", path, path,
			s.Out)
	}
	if s.untested() {
		return evaluation{}, message, nil
	}
	after, err := s.evaluateModel(ctx, c.Preset, model, adapter, o.NoHistory)
	return after, message, err
}

// objective returns the options in effect, and the override to send if they come from a file.
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
