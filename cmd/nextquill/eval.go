package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/method"
	"nextquill/eval"
	"nextquill/eval/evaldata"
	"nextquill/report"
)

type evalCmd struct {
	Data       []string `group:"texts" placeholder:"PATH" help:"Files of a data set with the texts of several writers, in JSON, or JSON lines, with gzip or without; see docs/evaluation.md. Default: the sample writer."`
	Format     string   `group:"texts" enum:"auto,jsonl,amazon,lamp,longlamp" default:"auto" help:"Format of the data set: jsonl, amazon, lamp, longlamp, or auto."`
	Facts      string   `group:"texts" placeholder:"PATH" help:"File with facts about the subjects of the texts, such as the metadata of Amazon products: they become context."`
	Outputs    string   `group:"texts" placeholder:"PATH" help:"File with the outputs of LaMP questions. Default: the file beside the questions."`
	Fields     []string `group:"texts" placeholder:"NAME" help:"Context fields to use, in the order of the prompt. Default: all."`
	Users      int      `group:"texts" api:"Split.Users" default:"20" help:"Number of writers, drawn at random by --seed; 0 for all."`
	Train      int      `group:"texts" api:"Split.Train" default:"160" help:"Maximum number of training texts of a writer, the newest before the validation texts; 0 for all."`
	Validation int      `group:"texts" api:"Split.Validation" default:"10" help:"Number of validation texts of a writer, the newest before the test texts. They choose temperatures and steering."`
	Test       int      `group:"texts" api:"Split.Test" default:"20" help:"Number of test texts of a writer, the newest."`
	MinTrain   int      `group:"texts" api:"Split.MinTrain" default:"20" help:"Leave out writers with fewer training texts."`
	Pool       int      `group:"texts" api:"Split.Pool" default:"10" help:"Number of other writers that methods with a task adapter train on."`
	promptFlags
	optimizerFlags
	Methods   []string `group:"eval" placeholder:"NAME" default:"${methods}" help:"Methods to compare, of: ${allMethods}. Default: ${methods}."`
	Regimes   []string `group:"eval" placeholder:"NAME" default:"personal" help:"Train on one writer (personal), on all writers (pooled), or on all and then on one (pooled-personal). Default: personal."`
	Control   string   `group:"eval" enum:"none,shuffled" default:"none" help:"Control: shuffled also tests each method with another writer's history in the prompts."`
	Drafts    int      `group:"eval" api:"Settings.Drafts" default:"4" help:"Number of test texts of a writer to write drafts for."`
	Consensus int      `group:"eval" api:"Settings.Consensus" default:"1" help:"Number of texts to write for each draft; the draft is the one that is most like the others."`
	Identify  int      `group:"eval" api:"Runner.Identify" default:"20" help:"Number of writers among which a text's author is to be found; 0 leaves it out."`
	DryRun    bool     `group:"eval" help:"Show the writers, what is left out and why, and the work to do, without doing it."`
	Get       bool     `group:"common" help:"Download the model first if it is a known model that is not stored yet."`
	globals
}

// defaultMethods are the methods that eval compares by default.
var defaultMethods = []string{"base", "latestk", "contextsft", "nextquill", method.Default}

func (evalCmd) Help() string {
	return `Runs each method on each writer: trains, measures the loss on the writer's newest texts, and writes drafts
for their requests. Compares the methods with intervals.

Writes OUT/results.jsonl, OUT/table.md and OUT/report.html, a self-contained page for any browser. A run that was
stopped continues where it was: give the same command again. More methods and writers can be added.

  nextquill eval --out out/bierce
  nextquill eval --data critics.jsonl.gz --fields genre,director,rating --users 50 --out out/critics
  nextquill eval --data dev_questions.json --methods latestk,contextsft,quill --control shuffled --out out/lamp4
  nextquill eval --data Books.jsonl.gz --facts meta_Books.jsonl.gz --users 20 --dry-run`
}

func (c evalCmd) Run(ctx context.Context, a *app) (err error) {
	regimes, err := c.regimes()
	if err != nil {
		return err
	}
	entries, err := eval.Entries(c.Methods, regimes, c.Control == eval.Shuffled)
	if err != nil {
		return err
	}
	chosen, err := c.users(entries)
	if err != nil {
		return err
	}
	if c.Get && !c.DryRun {
		if err := a.getKnown(ctx, c.globals); err != nil {
			return err
		}
	}
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	settings, err := c.settings(ctx, j)
	if err != nil {
		return err
	}
	r := &eval.Runner{Entries: entries, Identify: c.Identify, Options: c.options(settings)}
	for _, u := range chosen.Users {
		r.Users = append(r.Users, method.User(u))
	}
	for _, u := range chosen.Others {
		r.Others = append(r.Others, method.User(u))
	}
	path := filepath.Join(a.Out, eval.ResultsFile)
	if c.DryRun {
		if r.Results, err = eval.Peek(path, settings); err != nil {
			return err
		}
		return c.showPlan(a, r, chosen)
	}
	if r.Results, err = eval.OpenResults(path, settings); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Results.Close()) }()
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	info, err := j.device(ctx)
	if err != nil {
		return err
	}
	if !a.JSON {
		a.terminal().Title(fmt.Sprintf("Comparing %s on the texts of %s", count(len(entries), "method"),
			count(len(r.Users), "writer")))
		a.terminal().Text(fmt.Sprintf("GPU: %s, engine: %s, model: %s", info.Device.Name, a.Engine, settings.Model))
		fmt.Fprintln(a.stdout)
	}
	r.Steps = eval.StepsOf(method.Engine{Client: j.engine, Blobs: j.table, Dir: outDir})
	e := report.Evaluation{Data: c.name(), Device: info.Device.Name, Model: settings.Model, Command: c.command(a),
		LeftOut: leftOut(chosen), Facts: c.facts(j, r)}
	written := time.Now()
	r.On = func(event eval.Event) {
		j.showCell(event)
		if event.Kind == "end" && time.Since(written) > reportEvery {
			_, _ = j.writeEvaluation(ctx, r, e) // the last one is checked
			written = time.Now()
		}
	}
	stopped := r.Run(ctx)
	err = j.showEvaluation(context.WithoutCancel(ctx), r, e)
	if cells, finished, todo := r.Todo(); stopped != nil && todo == nil && !j.JSON {
		fmt.Fprintf(j.stderr, "  %d of %d cells are finished. To continue, give the same command again.\n", finished,
			cells)
	}
	return errors.Join(stopped, err)
}

// showCell shows the progress of a cell and of the whole run.
func (j *job) showCell(e eval.Event) {
	emit := func(name string, event any) {
		if raw, err := json.Marshal(event); err == nil {
			j.progress.Event(name, raw)
		}
	}
	switch e.Kind {
	case "begin":
		j.progress.Begin(e.Label)
	case "end":
		j.progress.End(e.Summary, e.Failed)
		return
	}
	emit("overall", ui.OverallEvent{Event: "overall", Done: e.Done, Total: e.Total, Left: e.Left})
	if e.Kind == "progress" {
		emit(api.EventStage, api.StageEvent{Event: api.EventStage, Stage: e.Progress.Stage, Done: e.Progress.Done,
			Total: e.Progress.Total})
	}
}

func (c evalCmd) regimes() ([]method.Regime, error) {
	var out []method.Regime
	for _, name := range c.Regimes {
		if !slices.Contains(method.Regimes(), method.Regime(name)) {
			return nil, fault.New(fault.Unsupported, "--regimes", "", "%s is not known", fault.Quote(name)).
				WithRemedy("use personal, pooled, pooled-personal, or several of them with commas")
		}
		out = append(out, method.Regime(name))
	}
	return out, nil
}

// users reads the data set and chooses the writers.
func (c evalCmd) users(entries []eval.Entry) (evaldata.Chosen, error) {
	split := evaldata.Split{Test: c.Test, Validation: c.Validation, Train: c.Train, MinTrain: c.MinTrain,
		Users: c.Users, Seed: c.Seed}
	for _, e := range entries {
		if e.TaskAdapter || e.Control != "" {
			split.Pool = c.Pool
		}
	}
	if len(c.Data) == 0 {
		training, heldout, err := sampleTexts()
		if err != nil {
			return evaldata.Chosen{}, err
		}
		set := evaldata.Set{Writers: []evaldata.Writer{{ID: "Ambrose Bierce", Items: append(training, heldout...)}}}
		return evaldata.Choose(set, split)
	}
	set, err := evaldata.Read(c.Data, evaldata.Options{Format: evaldata.Format(c.Format), Facts: c.Facts,
		Outputs: c.Outputs, Fields: c.Fields})
	if err != nil {
		return evaldata.Chosen{}, err
	}
	return evaldata.Choose(set, split)
}

func (c evalCmd) settings(ctx context.Context, j *job) (eval.Settings, error) {
	sampling := demo.sampling
	sampling.Seed = uint32(c.Seed)
	s := eval.Settings{Version: api.Version, Model: j.Model, Base: j.Base, Template: c.template(),
		Retrieval: c.retrieval(), LoRA: c.lora(), Training: c.optimizer(defaultTraining), Sampling: sampling,
		Drafts: c.Drafts, Consensus: c.Consensus, Delta: defaultDelta, Seed: c.Seed}
	if s.Model == "" {
		s.Model = "the embedded model"
	}
	var err error
	s.Weights, err = eval.Digest(ctx, j.base.files)
	return s, err
}

func (c evalCmd) options(s eval.Settings) method.Options {
	return method.Options{Loading: c.loading(), Model: modelDir, Template: s.Template, Retrieval: s.Retrieval,
		LoRA: s.LoRA, Training: s.Training, Sampling: s.Sampling, Drafts: s.Drafts, Consensus: s.Consensus,
		Delta: s.Delta}
}

// showPlan shows what a run would do.
func (c evalCmd) showPlan(a *app, r *eval.Runner, chosen evaldata.Chosen) error {
	cells, finished, err := r.Todo()
	if err != nil {
		return err
	}
	if a.JSON {
		return ui.WriteJSON(a.stdout, map[string]any{"event": "result", "label": "eval", "method": "plan",
			"result": map[string]any{"cells": cells, "finished": finished, "users": len(chosen.Users),
				"dropped": chosen.Dropped}})
	}
	t := a.terminal()
	t.Title(c.name())
	var rows [][]string
	for _, u := range chosen.Users {
		rows = append(rows, []string{report.Clean(u.ID), fmt.Sprint(len(u.Train)), fmt.Sprint(len(u.Validation)),
			fmt.Sprint(len(u.Test)), span(u)})
	}
	t.Table([]report.Column{{Name: "writer"}, {Name: "training", Right: true}, {Name: "validation", Right: true},
		{Name: "test", Right: true}, {Name: "test texts from"}}, rows)
	if len(chosen.Dropped) > 0 {
		t.Title("Left out or changed")
		rows = nil
		for _, d := range chosen.Dropped {
			rows = append(rows, []string{d.Reason, fmt.Sprint(d.Count), report.Clean(d.First)})
		}
		t.Table([]report.Column{{Name: "reason"}, {Name: "number", Right: true}, {Name: "first"}}, rows)
	}
	fmt.Fprintf(a.stdout, "\n  %s, of which %d are finished.\n", count(cells, "cell"), finished)
	return nil
}

// span is the time of the test texts.
func span(u evaldata.User) string {
	first, last := u.Test[0].Time, u.Test[len(u.Test)-1].Time
	if first.IsZero() {
		return "no dates"
	}
	return first.Format(time.DateOnly) + " to " + last.Format(time.DateOnly)
}

func (c evalCmd) name() string {
	if len(c.Data) == 0 {
		return "The sample writer: Ambrose Bierce"
	}
	var names []string
	for _, path := range c.Data {
		names = append(names, filepath.Base(path))
	}
	return strings.Join(names, ", ")
}

// reportEvery is the time between two reports of what is finished. A run may take hours.
const reportEvery = 5 * time.Minute

// writeEvaluation writes the table and the page of what is finished.
func (j *job) writeEvaluation(ctx context.Context, r *eval.Runner, e report.Evaluation) (report.Evaluation, error) {
	e.When, e.Seconds = time.Now(), r.Results.Seconds()
	r.Describe(&e)
	return e, eval.WriteReport(ctx, j.table, outDir, e)
}

// showEvaluation writes the table and the page, and shows the table.
func (j *job) showEvaluation(ctx context.Context, r *eval.Runner, e report.Evaluation) error {
	if _, finished, err := r.Todo(); err != nil || finished == 0 {
		return err
	}
	e, err := j.writeEvaluation(ctx, r, e)
	if err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(j.Out, name) }
	if j.JSON {
		return ui.WriteJSON(j.stdout, map[string]any{"event": "result", "label": "eval", "method": "eval",
			"result": map[string]any{"findings": e.Findings, "scope": e.Scope, "table": file(eval.TableFile),
				"report": file(eval.PageFile), "results": file(eval.ResultsFile)}})
	}
	fmt.Fprintln(j.stdout)
	j.terminal().Evaluation(e)
	fmt.Fprintf(j.stdout, "  %s in total.  Report: %s   Table: %s   Results: %s\n", report.Duration(e.Seconds),
		file(eval.PageFile), file(eval.TableFile), file(eval.ResultsFile))
	return nil
}

func leftOut(chosen evaldata.Chosen) []report.LeftOut {
	var out []report.LeftOut
	for _, d := range chosen.Dropped {
		out = append(out, report.LeftOut{Reason: d.Reason, Count: d.Count, First: d.First, Change: d.Kept})
	}
	return out
}

// command is the command line of the report.
func (c evalCmd) command(a *app) string {
	args := []string{"nextquill", "eval"}
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag, quoteArgument(value))
		}
	}
	for _, path := range c.Data {
		add("--data", path)
	}
	add("--facts", c.Facts)
	add("--fields", strings.Join(c.Fields, ","))
	add("--methods", strings.Join(c.Methods, ","))
	add("--regimes", strings.Join(c.Regimes, ","))
	if c.Control != "none" {
		add("--control", c.Control)
	}
	add("--users", fmt.Sprint(c.Users))
	add("--train", fmt.Sprint(c.Train))
	add("--validation", fmt.Sprint(c.Validation))
	add("--test", fmt.Sprint(c.Test))
	add("--drafts", fmt.Sprint(c.Drafts))
	add("--consensus", fmt.Sprint(c.Consensus))
	add("--model", a.Model)
	add("--seed", fmt.Sprint(c.Seed))
	add("--out", a.Out)
	return strings.Join(args, " ")
}

// batchFact is the batch size, or the rule for it if it is not set.
func batchFact(t api.Training) string {
	if t.BatchSize != nil {
		return fmt.Sprint(*t.BatchSize)
	}
	return batchRule
}

func (c evalCmd) facts(j *job, r *eval.Runner) []report.Facts {
	o := r.Options
	texts := []report.Fact{{Name: "Writers", Value: fmt.Sprint(len(r.Users))},
		{Name: "Training texts", Value: fmt.Sprintf("at most %d, the newest", c.Train)},
		{Name: "Validation texts", Value: fmt.Sprint(c.Validation)},
		{Name: "Test texts", Value: fmt.Sprintf("%d, the newest", c.Test)},
		{Name: "In the prompt", Value: fmt.Sprintf("%d, %s", api.Or(o.Retrieval.K, 0), o.Retrieval.Kind)}}
	if c.Train == 0 {
		texts[1].Value = "all"
	}
	return []report.Facts{{Title: "Texts", Items: texts},
		{Title: "Training", Items: []report.Fact{
			{Name: "Epochs", Value: fmt.Sprint(*o.Training.Epochs)},
			{Name: "Texts per step", Value: batchFact(o.Training)},
			{Name: "Learning rate", Value: fmt.Sprintf("%g, %s", *o.Training.LR, o.Training.Decay)},
			{Name: "LoRA rank, alpha", Value: fmt.Sprintf("%d, %g", *o.LoRA.Rank, *o.LoRA.Alpha)},
			{Name: "Seed", Value: fmt.Sprint(o.Training.Seed)}}},
		{Title: "Drafts", Items: []report.Fact{
			{Name: "Per writer", Value: fmt.Sprint(o.Drafts)},
			{Name: "Texts for each", Value: fmt.Sprint(o.Consensus)},
			{Name: "Temperature, top-k, top-p", Value: fmt.Sprintf("%g, %d, %g", o.Sampling.Temperature,
				o.Sampling.TopK, *o.Sampling.TopP)},
			{Name: "At most", Value: fmt.Sprintf("%d tokens", *o.Sampling.MaxTokens)}}},
		{Title: "Machine", Items: []report.Fact{
			{Name: "Engine", Value: j.Engine}, {Name: "Version", Value: api.Version}}},
	}
}
