package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/history"
	"nextquill/report"
)

type runCmd struct {
	History string `group:"texts" placeholder:"PATH" help:"The writer's texts: a chat, mailbox, table, note, document or export, a zip file, or a folder of these; see docs/texts.md. Default: the sample writer."`
	importFlags
	DryRun bool `group:"texts" help:"Show what --history would import, without training: senders, dates, samples, and what is left out and why."`
	promptFlags
	trainingFlags
	MaxItems   *int    `group:"texts" api:"Source.MaxItems" placeholder:"N" help:"Maximum number of training texts, newest first (${maxItems})."`
	MaxHeldout *int    `group:"texts" api:"Source.MaxHeldout" placeholder:"N" help:"Maximum number of held-out texts (${maxHeldout})."`
	Heldout    float64 `group:"texts" default:"0.2" api:"Source.HeldoutFraction" help:"Fraction of the texts, the newest, to hold out for testing; with --history only."`
	Writer     string  `group:"texts" placeholder:"NAME" help:"Name of the writer, for the report."`
	Get        bool    `group:"common" help:"Download the model first if it is a known model that is not stored yet."`
	globals
}

func (runCmd) Help() string {
	return `Evaluates the base model, trains on a writer's texts, and evaluates ContextSFT, NextQuill and Quill on
held-out texts. Then it writes about unseen subjects before and after training with Quill, and shows which words of a
text depend on the history. Quill is ContextSFT with a datastore of the writer's own tokens.

Writes OUT/adapter (PEFT's format) and OUT/report.html, a self-contained page for any browser.
Without --history it uses the sample writer: Ambrose Bierce, The Devil's Dictionary.

  nextquill run
  nextquill run --history posts.jsonl --writer Ann --out out/ann
  nextquill run --history "WhatsApp Chat with Tom.txt" --me Ann --dry-run
  nextquill run --history Takeout.zip --me ann@example.org`
}

func (c runCmd) Run(ctx context.Context, a *app) (err error) {
	if c.DryRun {
		a.globals = c.globals
		return a.dryRun(c.History, c.importFlags)
	}
	if c.Get {
		if err := a.getKnown(ctx, c.globals); err != nil {
			return err
		}
	}
	start := time.Now()
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	s := &experiment{job: j, retrieval: c.retrieval(), template: c.template(), lora: c.lora(), training: c.training(),
		resume: c.Resume}
	if s.corpus, err = c.texts(ctx, j); err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	info, err := j.device(ctx)
	if err != nil {
		return err
	}
	work, model, err := c.plan(ctx, s, info)
	if err != nil {
		return err
	}
	r := report.Run{Writer: c.writer(), Device: info.Device.Name, Command: c.command(a), Delta: defaultDelta}
	if !a.JSON {
		a.terminal().Title(fmt.Sprintf("Learning to write like %s: %d training texts, %d held-out texts",
			r.Writer, min(len(s.train), *s.source.MaxItems), min(len(s.heldout), *s.source.MaxHeldout)))
		a.terminal().Text(fmt.Sprintf("GPU: %s, engine: %s, model: %s", info.Device.Name, a.Engine, model))
		fmt.Fprintln(a.stdout)
	}
	if err := j.loadModel(ctx); err != nil {
		return err
	}
	if err := c.train(ctx, s, &r); err != nil {
		return err
	}
	if err := c.showTexts(ctx, s, work, &r); err != nil {
		return err
	}
	r.When, r.Seconds = time.Now(), time.Since(start).Seconds()
	after, err := j.device(ctx)
	if err != nil {
		return err
	}
	r.Facts = c.facts(s, r.Trainings, after)
	page := filepath.Join(a.Out, "report.html")
	if err := writePage(ctx, page, r); err != nil {
		return err
	}
	if a.JSON {
		return nil
	}
	t := a.terminal()
	t.Heldout(r.Heldout)
	t.Title("Texts before and after training")
	for _, w := range r.Written {
		t.Written(w)
	}
	t.Title("Effect of the history on each word")
	t.Tokens(*r.Explained)
	fmt.Fprintf(a.stdout, "\n  %s in total.  Report: %s   Adapter: %s\n", report.Duration(r.Seconds), page,
		filepath.Join(a.Out, api.AdapterFolder))
	return nil
}

// runPreset is the method of a run: its adapter is the result. For comparison a run also trains
// comparedPreset.
const (
	runPreset      = "quill"
	comparedPreset = "nextquill"
)

// runPhases are the phases of a run. The adapter of the first is that of Quill, and without its
// datastore that of ContextSFT, which is also the frozen θ_D of the second.
func runPhases() []api.Phase {
	return []api.Phase{
		{Preset: runPreset, Out: api.AdapterFolder, From: true, Datastore: true},
		{Preset: comparedPreset, Out: comparedPreset, Expert: api.AdapterFolder},
	}
}

// train trains and evaluates.
func (c runCmd) train(ctx context.Context, s *experiment, r *report.Run) error {
	var models []evaluation
	evaluate := func(name string, p api.EvaluateParams) error {
		m, err := s.evaluateWith(ctx, name, p)
		models = append(models, m)
		return err
	}
	base := s.evaluateParams("", true)
	if err := evaluate("Base, no history", base); err != nil {
		return err
	}
	base.NoHistory = false
	if err := evaluate("Base with history", base); err != nil {
		return err
	}
	for _, phase := range runPhases() {
		name := presetTitle(phase.Preset)
		t, err := s.trainPhase(ctx, name, phase, nil)
		t.Start = models[1].result.Loss
		r.Trainings = append(r.Trainings, t)
		if err != nil {
			return err
		}
		if phase.Preset == runPreset {
			continue
		}
		if err := evaluate(name, s.evaluateParams(phaseOut(phase.Out), false)); err != nil {
			return err
		}
	}
	own := s.evaluateParams(phaseOut(api.AdapterFolder), false)
	own.Datastore = api.DatastoreNone
	if err := evaluate(presetTitle("contextsft"), own); err != nil {
		return err
	}
	own.Datastore = ""
	if err := evaluate(presetTitle(runPreset), own); err != nil {
		return err
	}
	var err error
	r.Heldout, err = compare(models, 1, len(models)-1)
	return err
}

// showTexts writes about unseen subjects and explains a text.
func (c runCmd) showTexts(ctx context.Context, s *experiment, e workload, r *report.Run) error {
	sampling := demo.sampling
	sampling.MaxTokens = &e.maxTokens
	for _, i := range c.subjects(s.heldout, e.subjects) {
		item := s.heldout[i]
		w := report.Written{Context: fields(item.Context), Own: item.Text}
		for _, version := range []struct{ name, label, adapter string }{
			{"Base with history", "before", ""}, {presetTitle(runPreset), "after", phaseOut(api.AdapterFolder)},
		} {
			text, err := s.generate(ctx, "write: "+subject(item)+", "+version.label, version.adapter, w.Context,
				sampling, nil)
			if err != nil {
				return err
			}
			w.Texts = append(w.Texts, report.Version{Name: version.name, Text: text.Text})
		}
		r.Written = append(r.Written, w)
	}
	all := s.source
	all.MaxHeldout = nil // any held-out text may be explained
	explained, err := s.explain(ctx, api.ExplainParams{
		Inference: api.Inference{Loading: s.loading(), Model: modelDir, Adapter: phaseOut(api.AdapterFolder),
			Source: all, Retrieval: s.retrieval, Template: s.template}, Item: find(s.heldout, demo.explain),
		Influence: true,
	})
	r.Explained = &explained
	return err
}

// texts returns the writer's texts, or the sample writer's.
func (c runCmd) texts(ctx context.Context, j *job) (corpus, error) {
	if c.History == "" {
		training, heldout, err := sampleTexts()
		if err != nil {
			return corpus{}, err
		}
		return j.putCorpus(ctx, training, heldout, "the sample writer", true)
	}
	items, err := j.readTexts(c.History, c.importFlags)
	if err != nil {
		return corpus{}, err
	}
	training, heldout, err := j.split(items, c.Heldout)
	if err != nil {
		return corpus{}, err
	}
	texts := corpus{train: training, heldout: heldout}
	if texts.untested() {
		return corpus{}, fault.New(fault.Missing, c.History, "held-out texts", "all are copies of training texts").
			WithRemedy("add other texts, or train without a test: nextquill personalize")
	}
	return j.putCorpus(ctx, training, heldout, c.History, true)
}

func (c runCmd) writer() string {
	switch {
	case c.Writer != "":
		return c.Writer
	case c.History == "":
		return "Ambrose Bierce"
	}
	return strings.TrimSuffix(filepath.Base(c.History), filepath.Ext(c.History))
}

// subjects selects the held-out texts to write again: the preferred ones, then others in order.
func (c runCmd) subjects(heldout []history.Item, n int) []int {
	var out []int
	taken := map[int]bool{}
	take := func(i int) {
		if len(out) < n && !taken[i] && len(heldout[i].Context) > 0 {
			taken[i] = true
			out = append(out, i)
		}
	}
	for _, word := range demo.words {
		for i, it := range heldout {
			if subject(it) == word {
				take(i)
			}
		}
	}
	for i := range heldout {
		take(i)
	}
	return out
}

// subject is the value of a text's first context field.
func subject(it history.Item) string {
	if len(it.Context) == 0 {
		return ""
	}
	return it.Context[0].Value
}

// find returns the held-out text with a subject, or the first one.
func find(heldout []history.Item, word string) int {
	for i, it := range heldout {
		if subject(it) == word {
			return i
		}
	}
	return 0
}

// command is the command line that reproduces the report.
func (c runCmd) command(a *app) string {
	args := []string{"nextquill", "run"}
	if c.History != "" {
		args = append(args, "--history", c.History)
		for _, me := range c.Me {
			args = append(args, "--me", quoteArgument(me))
		}
		if c.TextColumn != "" {
			args = append(args, "--text-column", quoteArgument(c.TextColumn))
		}
	}
	if a.Model != "" {
		args = append(args, "--model", a.Model)
	}
	return strings.Join(append(args, "--seed", fmt.Sprint(c.Seed), "--out", a.Out), " ")
}

// facts are the parameters of the run for the report.
func (c runCmd) facts(s *experiment, trainings []report.Training, info api.InfoResult) []report.Facts {
	counts, remembered := trainings[len(trainings)-1].Result, *trainings[0].Result.Remembered
	options, _ := causal.Preset(comparedPreset)
	set := api.DefaultDatastore()
	model := s.Model
	if model == "" {
		model = "embedded"
	}
	adapter := report.Facts{Title: "Adapter", Items: []report.Fact{
		{Name: "Kind", Value: "LoRA, PEFT format"},
		{Name: "Rank, alpha", Value: fmt.Sprintf("%d, %g", *s.lora.Rank, *s.lora.Alpha)},
		{Name: "Layers", Value: "all linear"},
	}}
	if file, err := os.Stat(filepath.Join(s.Out, api.AdapterFolder, "adapter_model.safetensors")); err == nil {
		adapter.Items = append(adapter.Items, report.Fact{Name: "Size", Value: report.Bytes(file.Size())})
	}
	batch := api.Or(s.training.BatchSize, api.DefaultBatchSize(counts.Train.Windows))
	return []report.Facts{
		{Title: "Texts", Items: []report.Fact{
			{Name: "Training texts", Value: textsFact("the newest", counts.Train)},
			{Name: "Held-out texts", Value: textsFact("newer", counts.Tested)},
			{Name: "In the prompt", Value: fmt.Sprintf("%d, %s", *s.retrieval.K, s.retrieval.Kind)},
		}},
		{Title: "Learning", Items: []report.Fact{
			{Name: "Epochs", Value: fmt.Sprint(*s.training.Epochs)},
			{Name: "Texts per step", Value: fmt.Sprint(batch)},
			{Name: "Learning rate", Value: fmt.Sprintf("%g, %s", *s.training.LR, s.training.Decay)},
			{Name: "Seed", Value: fmt.Sprint(s.training.Seed)},
		}},
		{Title: "Datastore (Quill)", Items: []report.Fact{
			{Name: "Share λ", Value: shareFact(remembered, s.training.Patience > 0)},
			{Name: "Sharpness β", Value: fmt.Sprint(set.Sharpness)},
			{Name: "Entries", Value: "the tokens of the training texts, and when scoring those of the text so far"},
		}},
		{Title: "Objective (NextQuill)", Items: []report.Fact{
			{Name: "δ, λ, ε, α", Value: fmt.Sprintf("%g, %g, %g, %g", options.Delta, options.Lambda, options.Epsilon,
				options.Alpha)},
			{Name: "θ_D", Value: "frozen: the ContextSFT adapter"},
			{Name: "Weights", Value: "ω on Lₙ and Lₚ, per text"},
		}},
		adapter,
		{Title: "Machine", Items: []report.Fact{
			{Name: "Model", Value: model},
			{Name: "Device", Value: info.Device.Name},
			{Name: "Engine", Value: s.Engine},
			{Name: "GPU memory, maximum", Value: report.Bytes(info.PeakBytes)},
		}},
	}
}

// shareFact is the share of a datastore, and how it was chosen. stopsEarly tells whether it was
// fitted to the validation texts of early stopping instead of the held-out texts of the test.
func shareFact(r api.RememberResult, stopsEarly bool) string {
	if r.Fitted == 0 {
		return fmt.Sprintf("%.3f, the default: too few texts to fit it to", r.Share)
	}
	if stopsEarly {
		return fmt.Sprintf("%.3f, fitted to the %d texts that early stopping watches", r.Share, r.Fitted)
	}
	return fmt.Sprintf("%.3f, fitted to the %d held-out texts; each is tested with a share fitted to others", r.Share,
		r.Fitted)
}
