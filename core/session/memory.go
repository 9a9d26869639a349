package session

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/train"
	"nextquill/core/weights"
)

func init() { Register("estimate", serveEstimate) }

// workload is what a method does with a model, as far as it takes memory. What trains
// can take less in other ways than by its base: phases gives its needs with activations
// recomputed and a smaller token budget; others look at neither.
type workload struct {
	dir       string
	options   model.LoadOptions
	phases    func(recompute bool, budget int) []model.Needs
	trains    bool
	recompute *bool // Training.Recompute
	budget    int   // Training.TokenBudget
	fixed     bool  // whether a smaller budget would be another task
}

// fits estimates a workload, tells the caller, and refuses what passes the cap. It gives
// whether to recompute activations.
func fits(ctx context.Context, env *Env, l api.Loading, w workload) (recompute bool, err error) {
	e, err := choose(ctx, env, l, w)
	if err != nil {
		return false, err
	}
	if err := env.Emit(e); err != nil {
		return false, err
	}
	if l.Memory <= 0 || e.Peak <= l.Memory {
		return e.Recompute, nil
	}
	return false, fault.New(fault.TooLarge, "the device", "memory", "%s", memorySentence(e)).WithLimit("--memory %s", megabytes(l.Memory)).
		WithRemedy("%s", w.advice(ctx, env, l.Memory, e.Recompute, w.budget))
}

func (w workload) estimate(ctx context.Context, env *Env, recompute bool, budget int) (api.MemoryEvent, error) {
	m, err := model.Estimate(ctx, env.GPU.Info(), env.Blobs, w.dir, w.options, w.phases(recompute, budget)...)
	e := api.MemoryEvent{Event: api.EventMemory, Memory: api.Memory(m)}
	if h := heldBy(env); h != nil {
		e.Held = env.GPU.LiveBytes()
		if h.path == w.dir && h.options == w.options {
			e.Base, e.Loading = 0, 0
		}
	}
	e.Peak = e.Held + model.Memory(e.Memory).Peak()
	return e, err
}

// smallBudget is the token budget that advice falls back on.
const smallBudget = 1024

// advice names the first way to take less that is enough.
func (w workload) advice(ctx context.Context, env *Env, most int64, recompute bool, budget int) string {
	type way struct {
		base      string
		recompute bool
		budget    int
	}
	ways := []way{{"q8", recompute, budget}, {"q4", recompute, budget}}
	if w.trains {
		ways = append(ways, way{w.options.Base, true, budget}, way{"q8", true, budget}, way{"q4", true, budget})
		if !w.fixed {
			ways = append(ways, way{w.options.Base, true, min(budget, smallBudget)}, way{"q4", true, min(budget, smallBudget)})
		}
	}
	for _, c := range ways {
		o := w
		if !w.options.Full {
			o.options.Base = c.base
		} else if c.base != w.options.Base {
			continue
		}
		e, err := o.estimate(ctx, env, c.recompute, c.budget)
		if err != nil || e.Peak > most {
			continue
		}
		var use []string
		if o.options.Base != w.options.Base {
			use = append(use, "base "+c.base)
		}
		if c.recompute && !recompute {
			use = append(use, "recomputed activations")
		}
		if c.budget < budget {
			use = append(use, fmt.Sprintf("a token budget of %d", c.budget))
		}
		if len(use) > 0 {
			return fmt.Sprintf("use %s, which takes %s", strings.Join(use, " and "), megabytes(e.Peak))
		}
	}
	return "use a smaller model, shorter texts or a larger cap"
}

// memorySentence says what takes the memory, what takes nothing left out.
func memorySentence(e api.MemoryEvent) string {
	var parts []string
	for _, k := range []struct {
		name  string
		bytes int64
	}{{"held", e.Held}, {"base", e.Base}, {"adapter", e.Adapter}, {"optimizer", e.Optimizer}, {"activations", e.Activations}, {"cache", e.Cache}} {
		if k.bytes > 0 {
			parts = append(parts, k.name+" "+megabytes(k.bytes))
		}
	}
	return fmt.Sprintf("needs %s (%s)", megabytes(e.Peak), strings.Join(parts, ", "))
}

// megabytes shows bytes in units of 10⁶.
func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}

// trainingPhases are the needs of training on samples: those of the steps, and those of
// judging the samples by θ_D first.
func (p *personalizeJob) trainingPhases(ctx context.Context, env *Env, tc train.Config, samples, heldout []causal.Sample) (func(bool, int) []model.Needs, error) {
	n := model.Needs{}
	if p.From != "" {
		a, err := weights.ReadAdapter(ctx, env.Blobs, p.From)
		if err != nil {
			return nil, err
		}
		n.Train = a
	} else if !p.Full {
		n.LoRA = loraSpec(p.LoRA)
	}
	judge, judged := n, tc.Objective.Dual() && (tc.Objective.Frozen() || tc.Objective.Weights == causal.Quantile)
	if tc.Objective.Dual() && tc.Objective.Frozen() {
		a, err := weights.ReadAdapter(ctx, env.Blobs, tc.Objective.Expert)
		if err != nil {
			return nil, err
		}
		judge.Frozen = a
	}
	return func(recompute bool, budget int) []model.Needs {
		c := tc
		c.Recompute, c.TokenBudget = recompute, budget
		n.Steps = c.StepSpecs(samples, heldout)
		out := []model.Needs{n}
		if judged {
			judge.Steps = []model.StepSpec{train.ScoreSpec(train.Fit(samples, true, budget, len(samples)), true)}
			out = append(out, judge)
		}
		return out
	}, nil
}

// scoring are the needs of running samples forward.
func scoring(samples []causal.Sample, dual bool) model.Needs {
	limits := train.Fit(samples, dual, api.DefaultTokenBudget, len(samples))
	return model.Needs{Steps: []model.StepSpec{train.ScoreSpec(limits, dual)}}
}

// reads is the workload of using a model as it is, with the adapter in a folder.
func reads(ctx context.Context, env *Env, l api.Loading, dir, adapter string, n model.Needs) error {
	if adapter != "" {
		if h := heldBy(env); h == nil || h.path != dir || h.adapters[adapter] == nil {
			a, err := weights.ReadAdapter(ctx, env.Blobs, adapter)
			if err != nil {
				return err
			}
			n.Frozen = a
		}
	}
	_, err := fits(ctx, env, l, workload{dir: dir, options: model.LoadOptions{Base: l.Base}, phases: func(bool, int) []model.Needs { return []model.Needs{n} }})
	return err
}

func serveEstimate(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	p := api.EstimateParams{Preset: "nextquill-code"}
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	o, err := causal.Preset(p.Preset)
	if err != nil {
		return nil, err
	}
	cfg, err := weights.ReadModelConfig(ctx, env.Blobs, p.Model)
	if err != nil {
		return nil, err
	}
	budget := cmp.Or(p.Training.TokenBudget, api.DefaultTokenBudget)
	length := min(cfg.MaxPositions, 2048)
	var r api.EstimateResult
	w := workload{dir: p.Model, options: model.LoadOptions{Base: p.Base}, phases: func(bool, int) []model.Needs {
		return []model.Needs{{Decode: &model.DecodeSpec{MaxPrompt: length - length/4, MaxNew: length / 4}}}
	}}
	if r.Write, err = w.estimate(ctx, env, false, 0); err != nil {
		return nil, err
	}
	w.options.Full = p.Full
	w.phases = func(recompute bool, budget int) []model.Needs {
		n := model.Needs{Steps: []model.StepSpec{{
			MaxTokens: budget, MaxResponses: max(1, budget/4), Objective: o, Dual: o.Dual(), Backward: true, Recompute: recompute,
		}}}
		if !p.Full {
			n.LoRA = loraSpec(p.LoRA)
		}
		return []model.Needs{n}
	}
	w.trains, w.recompute, w.budget = true, p.Training.Recompute, budget
	r.Train, err = choose(ctx, env, p.Loading, w)
	return r, err
}
