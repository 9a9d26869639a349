package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/history"
	"nextquill/core/metric"
	"nextquill/report"
)

// experiment is what the stages of a job share: texts, prompts and training parameters.
type experiment struct {
	*job
	corpus
	retrieval api.Retrieval
	template  string
	lora      api.LoRA
	training  api.Training
	resume    bool
	from      string // blob name of an adapter to start from, or ""
	expert    string // blob name of the frozen adapter θ_D, or "" for the one that an earlier phase wrote
	full      bool   // train all weights; fit then writes a model folder
}

// presetTitle is the name of a preset in tables and reports.
func presetTitle(preset string) string {
	switch preset {
	case "contextsft":
		return "ContextSFT"
	case "nextquill":
		return "NextQuill"
	case "quill":
		return "Quill"
	}
	return preset
}

// phaseOut is the blob name of the folder that a phase writes.
func phaseOut(folder string) string { return outDir + "/" + folder }

// trainPhase runs one training phase, with the preset's options or with the override.
func (s *experiment) trainPhase(ctx context.Context, name string, p api.Phase,
	override *causal.Options) (report.Training, error) {
	t := report.Training{Name: name, Preset: p.Preset}
	if override != nil {
		t.Options = *override
	} else {
		var err error
		if t.Options, err = causal.Preset(p.Preset); err != nil {
			return t, err
		}
	}
	source, err := s.trainingSource(ctx)
	if err != nil {
		return t, err
	}
	params := api.PersonalizeParams{
		Loading: s.loading(), Model: modelDir, Source: source, Retrieval: s.retrieval, Template: s.template,
		Preset: p.Preset, Override: override,
		BaseName: cmp.Or(s.Model, defaultBase), LoRA: s.lora, Training: s.training, Out: phaseOut(p.Out),
		Resume: s.resume, Full: s.full,
	}
	params.Expert = s.expert // takes precedence over the expert of the recipe
	if s.expert == "" && p.Expert != "" {
		params.Expert = phaseOut(p.Expert)
	}
	if p.Datastore && override == nil && !s.full {
		set := api.DefaultDatastore()
		params.Datastore = &set
	}
	if p.From && s.from != "" {
		params.From, params.LoRA = s.from, api.LoRA{}
	}
	saved := 0
	err = s.call(ctx, "train: "+name, api.MethodPersonalize, params, &t.Result, func() string {
		r := t.Result
		line := fmt.Sprintf("held-out %.3f  %d steps  %d tokens", r.Heldout, r.Steps, r.Tokens)
		if r.Tested.Texts == 0 {
			line = fmt.Sprintf("not tested  %d steps  %d tokens", r.Steps, r.Tokens)
		}
		if r.Seconds > 0 && r.Resumed == 0 { // after a resume, tokens and seconds cover different steps
			line += fmt.Sprintf("  %.0f tok/s", float64(r.Tokens)/r.Seconds)
		}
		if r.Resumed > 0 {
			line += fmt.Sprintf("  (resumed from step %d)", r.Resumed)
		}
		return line
	}, func(event string, raw json.RawMessage) {
		switch event {
		case api.EventStep:
			var e api.StepEvent
			if json.Unmarshal(raw, &e) == nil {
				t.Steps = append(t.Steps, e)
			}
		case api.EventEval:
			var e api.EvalEvent
			if json.Unmarshal(raw, &e) == nil {
				t.Evals = append(t.Evals, e)
			}
		case api.EventCheckpoint:
			var e api.CheckpointEvent
			if json.Unmarshal(raw, &e) == nil {
				saved = e.Step
			}
		}
	})
	if err != nil && ctx.Err() != nil && saved > 0 {
		fmt.Fprintf(s.stderr,
			"  Saved a checkpoint of step %d in %s.\n  To resume from it, add --resume to the command.\n", saved,
			s.table.Path(params.Out))
	}
	return t, err
}

// validationShare is the fraction of the training texts that early stopping uses for validation.
const validationShare = .15

// trainingSource returns the texts to train on. Without early stopping its held-out texts are those
// of the final test, which training only measures. Early stopping selects a checkpoint by its
// validation texts, so it gets a part of the training texts instead: otherwise the final test would
// be biased.
func (s *experiment) trainingSource(ctx context.Context) (api.Source, error) {
	source := s.source
	if s.training.Patience == 0 {
		return source, nil
	}
	training, validation, err := history.SplitFraction(s.train, validationShare)
	if err != nil {
		return source, err
	}
	if source.History, err = s.putTexts(ctx, "learn.jsonl", training, "the texts"); err == nil {
		source.Heldout, err = s.putTexts(ctx, "watch.jsonl", validation, "the texts")
	}
	return source, err
}

// evaluate returns the held-out loss of an adapter, or of the base model if adapter is "".
func (s *experiment) evaluate(ctx context.Context, name, adapter string, noHistory bool) (evaluation, error) {
	return s.evaluateModel(ctx, name, modelDir, adapter, noHistory)
}

// evaluateModel is evaluate for a model in any folder.
func (s *experiment) evaluateModel(ctx context.Context, name, model, adapter string, noHistory bool) (evaluation,
	error) {
	p := s.evaluateParams(adapter, noHistory)
	p.Model = model
	return s.evaluateWith(ctx, name, p)
}

// evaluateParams are the parameters to evaluate an adapter with.
func (s *experiment) evaluateParams(adapter string, noHistory bool) api.EvaluateParams {
	return api.EvaluateParams{
		Inference: api.Inference{Loading: s.loading(), Model: modelDir, Adapter: adapter, Source: s.source,
			Retrieval: s.retrieval, Template: s.template}, NoHistory: noHistory,
	}
}

// evaluateWith evaluates with these parameters.
func (s *experiment) evaluateWith(ctx context.Context, name string, p api.EvaluateParams) (evaluation, error) {
	r := evaluation{name: name}
	began := time.Now()
	err := s.call(ctx, "eval: "+name, api.MethodEvaluate, p, &r.result, func() string {
		return fmt.Sprintf("%.3f nats per token  %d tokens  %.0f tok/s", r.result.Loss, r.result.Tokens,
			float64(r.result.Tokens)/time.Since(began).Seconds())
	}, nil)
	return r, err
}

// evaluation has one model's held-out losses.
type evaluation struct {
	name   string
	result api.EvaluateResult
}

// items are the losses for the bootstrap, in the order of the held-out set.
func (s evaluation) items() []metric.Item {
	out := make([]metric.Item, len(s.result.Items))
	for i, it := range s.result.Items {
		out[i] = metric.Item{Sum: it.Nats, N: it.Tokens}
	}
	return out
}

// compare builds the table of models with intervals. Differences are relative to the baseline.
func compare(models []evaluation, baseline, ours int) (report.Heldout, error) {
	h := report.Heldout{Texts: len(models[baseline].result.Items), Baseline: baseline, Ours: ours}
	var bootstrap metric.Bootstrap
	for i, m := range models {
		row := report.Row{Name: m.name, Tokens: m.result.Tokens}
		var err error
		if row.Loss, err = bootstrap.Mean(m.items()); err != nil {
			return h, err
		}
		if i != baseline {
			diff, err := bootstrap.Difference(m.items(), models[baseline].items())
			if err != nil {
				return h, err
			}
			row.Against = &diff
		}
		h.Rows = append(h.Rows, row)
	}
	return h, nil
}

// generate writes a text. onToken, if not nil, receives it in pieces.
func (s *experiment) generate(ctx context.Context, label, adapter string, about []api.Field, sampling api.Sampling,
	onToken func(string)) (api.WriteResult, error) {
	var r api.WriteResult
	err := s.call(ctx, label, api.MethodWrite, api.WriteParams{
		Inference: api.Inference{Loading: s.loading(), Model: modelDir, Adapter: adapter, Source: s.source,
			Retrieval: s.retrieval, Template: s.template}, Context: about, Sampling: sampling,
	}, &r, func() string {
		return fmt.Sprintf("%d tokens  %.0f tok/s", r.Tokens, r.TokensPS)
	}, func(name string, raw json.RawMessage) {
		var e api.TokenEvent
		if name == api.EventToken && onToken != nil && json.Unmarshal(raw, &e) == nil {
			onToken(e.Text)
		}
	})
	r.Text = strings.TrimSpace(r.Text)
	return r, err
}

// device returns information about the GPU device.
func (j *job) device(ctx context.Context) (api.InfoResult, error) {
	var r api.InfoResult
	return r, j.engine.Call(ctx, api.MethodInfo, nil, &r, nil)
}
