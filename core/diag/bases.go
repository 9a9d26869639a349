package diag

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// timedBase is a model on one base format, with what is timed.
type timedBase struct {
	api.BaseBench
	model *engine.ModelRef
	train *timedStep
	score *model.Step
}

func (b *timedBase) free() {
	if b.train != nil {
		b.train.free()
	}
	if b.score != nil {
		b.score.Free()
	}
	b.model.Free()
}

// compareBases times a training step and a forward pass on several base formats of one model. The
// formats take turns, so that other load on the machine slows all of them. The best time of each
// counts.
func (j *benchJob) compareBases(ctx context.Context) ([]api.BaseBench, error) {
	var bases []*timedBase
	defer func() {
		for _, b := range bases {
			b.free()
		}
	}()
	for _, name := range j.request.Bases {
		b, err := j.openBase(ctx, name)
		if err != nil {
			return nil, err
		}
		bases = append(bases, b)
	}
	repeats := j.repeats()
	for turn := range repeats + 1 {
		event := api.StageEvent{Event: api.EventStage, Stage: api.StageBases, Done: turn, Total: repeats + 1}
		if err := j.Emit(event); err != nil {
			return nil, err
		}
		for _, b := range bases {
			if err := b.train.run(ctx, j.Env, turn); err != nil {
				return nil, err
			}
			begun := j.Now()
			d := kernels.Dyn{NormNTP: 1, NormAlign: 1}
			if err := b.score.Run(ctx, b.train.packed, nil, d, nil); err != nil {
				return nil, err
			}
			if err := j.GPU.Wait(ctx); err != nil {
				return nil, err
			}
			if rate := float64(b.train.Tokens) / j.Now().Sub(begun).Seconds(); turn > 0 {
				b.Forward = max(b.Forward, rate)
			}
		}
	}
	var out []api.BaseBench
	for _, b := range bases {
		b.Train = float64(b.train.Tokens) / b.train.Seconds
		out = append(out, b.BaseBench)
	}
	return out, nil
}

// openBase loads the model on a base format and makes its steps.
func (j *benchJob) openBase(ctx context.Context, base string) (*timedBase, error) {
	const preset = "contextsft"
	p := &j.request
	options := model.LoadOptions{Base: base, Positions: j.positions()}
	packed, spec := pack(preset, []causal.Sample{j.randomSample(1)}, p.Recompute)
	forward := train.ScoreSpec(train.Limits{Tokens: packed.Tokens(), Responses: packed.Responses()}, false)
	needs := model.Needs{LoRA: engine.LoRASpec(p.LoRA), Steps: []model.StepSpec{spec, forward}}
	l := p.Loading
	l.Base = base
	_, err := j.CheckMemory(ctx, l, engine.Workload{
		Dir: p.Model, Options: options, Needs: func(bool, int) []model.Needs { return []model.Needs{needs} },
	})
	if err != nil {
		return nil, err
	}
	before := j.GPU.LiveBytes()
	m, err := j.OpenModel(ctx, p.Model, "", options)
	if err != nil {
		return nil, err
	}
	b := &timedBase{BaseBench: api.BaseBench{Base: base, Bytes: j.GPU.LiveBytes() - before}, model: m}
	if err = m.AttachLoRA(*engine.LoRASpec(p.LoRA), 1); err == nil {
		samples := []causal.Sample{j.randomSample(m.Config.VocabSize)}
		b.train, err = newTimedStep(j.Env, m.Model, preset, samples, 1e-6, p.Recompute)
	}
	if err == nil {
		b.score, err = m.NewStep(forward)
	}
	if err != nil {
		b.free()
		return nil, err
	}
	return b, nil
}
