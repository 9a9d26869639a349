package diag

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/train"
)

// pack packs samples for a preset that exists.
func pack(preset string, samples []causal.Sample, recompute bool) (*causal.Packed, model.StepSpec) {
	o, _ := causal.Preset(preset)
	if o.NoHistory {
		samples = slices.Clone(samples)
		for i := range samples {
			samples[i].With = samples[i].Without
		}
	}
	packed := causal.Pack(samples, 0, o.Dual())
	return packed, model.StepSpec{
		MaxTokens: packed.Tokens(), MaxResponses: packed.Responses(),
		Objective: o, Dual: o.Dual(), Backward: true, Recompute: recompute,
	}
}

// steps times complete optimizer steps of each preset, and the kernels of the last one. The presets
// take turns, so that other load on the machine slows all of them.
func (j *benchJob) steps(ctx context.Context, m *model.Model, r *api.BenchResult) error {
	p := &j.request
	samples, err := j.samples(ctx, m.Config.VocabSize, m.Config.MaxPositions)
	if err != nil {
		return err
	}
	var steps []*timedStep
	defer func() {
		for _, s := range steps {
			s.free()
		}
	}()
	for _, preset := range j.presets() {
		s, err := newTimedStep(j.Env, m, preset, samples, api.Or(p.LR, 1e-6), p.Recompute)
		if err != nil {
			return err
		}
		steps = append(steps, s)
	}
	repeats := j.repeats()
	// The first turn compiles the shaders and is not counted.
	for turn := range repeats + 1 {
		for i, s := range steps {
			event := api.StageEvent{Event: api.EventStage, Stage: api.StageSteps,
				Done: turn*len(steps) + i, Total: (repeats + 1) * len(steps)}
			if err := j.Emit(event); err != nil {
				return err
			}
			if err := s.run(ctx, j.Env, turn); err != nil {
				return err
			}
		}
	}
	for _, s := range steps {
		s.GFLOPS = s.model.Flops(s.packed) / s.Seconds / 1e9
		if !p.StepsOnly {
			s.Utilization = s.GFLOPS / r.MatmulGFLOPS
		}
		r.Steps = append(r.Steps, s.StepBench)
	}
	if len(r.Steps) > 1 {
		r.Ratio = r.Steps[1].Seconds / r.Steps[0].Seconds
	}
	if p.StepsOnly {
		return nil
	}
	if err := j.Emit(api.StageEvent{Event: api.EventStage, Stage: api.StageKernels}); err != nil {
		return err
	}
	last := steps[len(steps)-1]
	timings, err := last.model.Profile(ctx, last.packed, j.Now)
	r.Kernels = kernelRows(timings)
	return err
}

// timedStep is a step that is timed several times; Seconds is the shortest time.
type timedStep struct {
	api.StepBench
	objective causal.Options
	packed    *causal.Packed
	model     *model.Step
	optimizer *train.Optimizer
	z         [2]float64 // divisors of the loss terms
}

func newTimedStep(env *engine.Env, m *model.Model, preset string, samples []causal.Sample, lr float64,
	recompute bool) (*timedStep, error) {
	packed, spec := pack(preset, samples, recompute)
	s := &timedStep{packed: packed, objective: spec.Objective}
	s.Preset, s.Tokens = preset, packed.Tokens()
	s.z = train.Divisors(spec.Objective, packed.Responses(), len(samples))
	var err error
	if s.model, err = m.NewStep(spec); err != nil {
		return nil, err
	}
	m.Params.ResetOptimizer()
	schedule := train.Schedule{LR: lr, Decay: api.DecayConstant}
	if s.optimizer, err = train.NewOptimizer(env.GPU, m.Params, train.DefaultAdamW(), schedule); err != nil {
		s.model.Free()
		return nil, err
	}
	return s, nil
}

// run does one optimizer step and waits for its loss. Turn 0 is not counted.
func (s *timedStep) run(ctx context.Context, env *engine.Env, turn int) error {
	begun := env.Now()
	s.optimizer.ZeroGrad()
	d := kernels.Dyn{NormNTP: float32(s.z[0]), NormAlign: float32(s.z[1])}
	if err := s.model.Run(ctx, s.packed, nil, d, nil); err != nil {
		return err
	}
	if err := s.optimizer.Update(ctx, turn); err != nil {
		return err
	}
	sums, err := s.model.ReadSums(ctx, 0)
	if err != nil {
		return err
	}
	sec := env.Now().Sub(begun).Seconds()
	if turn == 0 {
		return nil
	}
	s.Runs = append(s.Runs, sec)
	s.Losses = append(s.Losses, train.LossOf(sums, s.z, s.objective.Alpha).Total)
	if s.Seconds == 0 || sec < s.Seconds {
		s.Seconds = sec
	}
	return nil
}

func (s *timedStep) free() {
	s.model.Free()
	s.optimizer.Free()
}

// kernelRows sums the timings by shader, the most expensive first.
func kernelRows(timings []gpu.Timing) []api.KernelBench {
	rows := map[string]*api.KernelBench{}
	var total float64
	for _, t := range timings {
		name, _, _ := strings.Cut(t.Program, "(")
		row := rows[name]
		if row == nil {
			row = &api.KernelBench{Kernel: name}
			rows[name] = row
		}
		row.Calls++
		row.Seconds += t.Seconds
		row.GFLOPS += t.Flops / 1e9
		total += t.Seconds
	}
	order := slices.Collect(maps.Values(rows))
	slices.SortStableFunc(order, func(a, b *api.KernelBench) int { return cmp.Compare(b.Seconds, a.Seconds) })
	var out []api.KernelBench
	for _, r := range order {
		if r.Seconds > 0 {
			r.GFLOPS /= r.Seconds
		}
		r.Share = r.Seconds / total
		out = append(out, *r)
	}
	return out
}
