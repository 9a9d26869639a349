package session

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// baseRun is a model on one base, with what is timed.
type baseRun struct {
	api.BaseBench
	lease *lease
	train *benchRun
	score *model.Step
}

func (r *baseRun) free() {
	if r.train != nil {
		r.train.free()
	}
	if r.score != nil {
		r.score.Free()
	}
	r.lease.Free()
}

// compareBases times a training step and a forward pass on several bases of one model,
// which take turns, so that a machine that is busy for a while slows all. The best time
// of each counts.
func (p *benchJob) compareBases(ctx context.Context, env *Env) ([]api.BaseBench, error) {
	var runs []*baseRun
	defer func() {
		for _, r := range runs {
			r.free()
		}
	}()
	for _, base := range p.Bases {
		r, err := p.baseRun(ctx, env, base)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	repeats := p.repeats()
	for turn := range repeats + 1 {
		if err := env.Emit(api.StageEvent{Event: "stage", Stage: "bases", Done: turn, Total: repeats + 1}); err != nil {
			return nil, err
		}
		for _, r := range runs {
			if err := r.train.step(ctx, env, turn); err != nil {
				return nil, err
			}
			begun := env.Now()
			if err := r.score.Run(ctx, r.train.packed, nil, kernels.Dyn{NormNTP: 1, NormAlign: 1}, r.train.budget); err != nil {
				return nil, err
			}
			if err := env.GPU.Wait(ctx); err != nil {
				return nil, err
			}
			if rate := float64(r.train.Tokens) / env.Now().Sub(begun).Seconds(); turn > 0 {
				r.Forward = max(r.Forward, rate)
			}
		}
	}
	var out []api.BaseBench
	for _, r := range runs {
		r.Train = float64(r.train.Tokens) / r.train.Seconds
		out = append(out, r.BaseBench)
	}
	return out, nil
}

// baseRun loads the model on a base and makes its steps.
func (p *benchJob) baseRun(ctx context.Context, env *Env, base string) (*baseRun, error) {
	const preset = "contextsft"
	options := model.LoadOptions{Base: base, Positions: p.positions()}
	packed, spec := benchSpec(preset, []causal.Sample{p.sample(1)}, p.Recompute)
	forward := train.ScoreSpec(train.Limits{Tokens: packed.Tokens(), Responses: packed.Responses()}, false)
	l := p.Loading
	l.Base = base
	_, err := fits(ctx, env, l, workload{dir: p.Model, options: options, phases: func(bool, int) []model.Needs {
		return []model.Needs{{LoRA: loraSpec(p.LoRA), Steps: []model.StepSpec{spec, forward}}}
	}})
	if err != nil {
		return nil, err
	}
	before := env.GPU.LiveBytes()
	m, err := openModel(ctx, env, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	r := &baseRun{BaseBench: api.BaseBench{Base: base, Bytes: env.GPU.LiveBytes() - before}, lease: m}
	if err = m.AttachLoRA(*loraSpec(p.LoRA), 1); err == nil {
		r.train, err = newBenchRun(env, m.Model, preset, []causal.Sample{p.sample(m.Config.VocabSize)}, 1e-6, p.Recompute)
	}
	if err == nil {
		r.score, err = m.NewStep(forward)
	}
	if err != nil {
		r.free()
		return nil, err
	}
	return r, nil
}
