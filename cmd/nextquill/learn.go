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

// study is what the stages of a job have in common: whose texts, how they are prompted, how they are learnt.
type study struct {
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

// presetTitle is what tables and reports call a preset of the recipe.
func presetTitle(preset string) string {
	switch preset {
	case "contextsft":
		return "ContextSFT"
	case "nextquill":
		return "NextQuill"
	}
	return preset
}

// phaseOut is the blob name of the folder that a phase writes.
func phaseOut(folder string) string { return outDir + "/" + folder }

// fit runs one phase of the training, with the preset's options or the ones that override them.
func (s *study) fit(ctx context.Context, name string, p api.Phase, override *causal.Options) (report.Training, error) {
	t := report.Training{Name: name, Preset: p.Preset}
	if override != nil {
		t.Options = *override
	} else {
		var err error
		if t.Options, err = causal.Preset(p.Preset); err != nil {
			return t, err
		}
	}
	source, err := s.watched(ctx)
	if err != nil {
		return t, err
	}
	params := api.PersonalizeParams{
		Loading: s.loading(), Model: modelDir, Source: source, Retrieval: s.retrieval, Template: s.template, Preset: p.Preset, Override: override,
		BaseName: cmp.Or(s.Model, "nextquill-default"), LoRA: s.lora, Training: s.training, Out: phaseOut(p.Out), Resume: s.resume, Full: s.full,
	}
	params.Expert = s.expert // takes precedence over the expert of the recipe
	if s.expert == "" && p.Expert != "" {
		params.Expert = phaseOut(p.Expert)
	}
	if p.From && s.from != "" {
		params.From, params.LoRA = s.from, api.LoRA{}
	}
	saved := 0
	err = s.call(ctx, "learn: "+name, "personalize", params, &t.Result, func() string {
		r := t.Result
		line := fmt.Sprintf("held-out %.3f  %d steps  %d tokens", r.Heldout, r.Steps, r.Tokens)
		if r.Seconds > 0 && r.Resumed == 0 { // after a resume the two do not belong together
			line += fmt.Sprintf("  %.0f tok/s", float64(r.Tokens)/r.Seconds)
		}
		if r.Resumed > 0 {
			line += fmt.Sprintf("  (went on from step %d)", r.Resumed)
		}
		if r.Skipped > 0 {
			line += fmt.Sprintf("  (%d texts did not fit)", r.Skipped)
		}
		return line
	}, func(event string, raw json.RawMessage) {
		switch event {
		case "step":
			var e api.StepEvent
			if json.Unmarshal(raw, &e) == nil {
				t.Steps = append(t.Steps, e)
			}
		case "eval":
			var e api.EvalEvent
			if json.Unmarshal(raw, &e) == nil {
				t.Evals = append(t.Evals, e)
			}
		case "checkpoint":
			var e api.CheckpointEvent
			if json.Unmarshal(raw, &e) == nil {
				saved = e.Step
			}
		}
	})
	if err != nil && ctx.Err() != nil && saved > 0 {
		fmt.Fprintf(s.stderr, "  A whole checkpoint of step %d is in %s.\n  To go on from it, add --resume to the command.\n", saved, s.table.Path(params.Out))
	}
	return t, err
}

// watchShare is the share of the texts learnt from that an early stop watches.
const watchShare = .15

// watched is the source to learn from. Without an early stop its held-out texts are those of the final test, which the
// training then only measures. An early stop chooses by what it watches, so it is given texts of its own: else the final
// test would have been seen.
func (s *study) watched(ctx context.Context) (api.Source, error) {
	source := s.source
	if s.training.Patience == 0 {
		return source, nil
	}
	learn, watch, err := history.SplitFraction(s.learn, watchShare)
	if err != nil {
		return source, err
	}
	if source.History, err = s.giveTexts(ctx, "learn.jsonl", learn, "the texts"); err == nil {
		source.Heldout, err = s.giveTexts(ctx, "watch.jsonl", watch, "the texts")
	}
	return source, err
}

// score is the held-out loss of the base model (adapter "") or of an adapter.
func (s *study) score(ctx context.Context, name, adapter string, noHistory bool) (scored, error) {
	return s.scoreModel(ctx, name, modelDir, adapter, noHistory)
}

// scoreModel is score for a model in any folder.
func (s *study) scoreModel(ctx context.Context, name, model, adapter string, noHistory bool) (scored, error) {
	r := scored{name: name}
	began := time.Now()
	err := s.call(ctx, "test: "+name, "evaluate", api.EvaluateParams{
		Inference: api.Inference{Loading: s.loading(), Model: model, Adapter: adapter, Source: s.source, Retrieval: s.retrieval, Template: s.template}, NoHistory: noHistory,
	}, &r.result, func() string {
		return fmt.Sprintf("%.3f nats per token  %d tokens  %.0f tok/s", r.result.Loss, r.result.Tokens, float64(r.result.Tokens)/time.Since(began).Seconds())
	}, nil)
	return r, err
}

// scored is one model's held-out losses.
type scored struct {
	name   string
	result api.EvaluateResult
}

// items are the losses for the bootstrap, in the order of the held-out set.
func (s scored) items() []metric.Item {
	out := make([]metric.Item, len(s.result.Items))
	for i, it := range s.result.Items {
		out[i] = metric.Item{Sum: it.Nats, N: it.Tokens}
	}
	return out
}

// compare puts the models into a table with intervals; differences are to the baseline.
func compare(models []scored, baseline, ours int) (report.Heldout, error) {
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

// compose writes a text; onToken, when set, gets it piece by piece.
func (s *study) compose(ctx context.Context, label, adapter string, about []api.Field, sampling api.Sampling, onToken func(string)) (api.WriteResult, error) {
	var r api.WriteResult
	err := s.call(ctx, label, "write", api.WriteParams{
		Inference: api.Inference{Loading: s.loading(), Model: modelDir, Adapter: adapter, Source: s.source, Retrieval: s.retrieval, Template: s.template}, Context: about, Sampling: sampling,
	}, &r, func() string {
		return fmt.Sprintf("%d tokens  %.0f tok/s", r.Tokens, r.TokensPS)
	}, func(name string, raw json.RawMessage) {
		var e api.TokenEvent
		if name == "token" && onToken != nil && json.Unmarshal(raw, &e) == nil {
			onToken(e.Text)
		}
	})
	r.Text = strings.TrimSpace(r.Text)
	return r, err
}

// device asks the session for the adapter's name.
func (j *job) device(ctx context.Context) (api.InfoResult, error) {
	var r api.InfoResult
	return r, j.engine.Call(ctx, "info", nil, &r, nil)
}
