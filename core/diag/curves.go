package diag

import (
	"cmp"
	"context"
	"slices"

	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/core/rpc"
)

// timedLayers is the number of layers of the models that are timed. The layers of a model do the
// same work, and all of them would take minutes per step on a CPU device.
const timedLayers = 2

// curvesMemory is the memory of the largest step that is timed if the request has no limit. Devices
// do not say how much they have, and some end the process when it is exceeded.
const curvesMemory = 2 << 30

// curvesJob is a request of "bench-curves".
type curvesJob struct {
	*engine.Env
	request api.BenchCurvesParams
	tune    *kernels.Tune
}

// benchCurves computes the memory of all points, which takes no work on the device, and then times
// as many steps as the time allows, the smallest first.
func benchCurves(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	j := &curvesJob{Env: env}
	if err := c.Decode(&j.request); err != nil {
		return nil, err
	}
	env.ReleaseModel()
	begun := env.Now()
	var err error
	if j.tune, err = env.Tune(ctx); err != nil {
		return nil, err
	}
	all := sweeps()
	points := make([][]*curvePoint, len(all))
	for i, s := range all {
		for _, value := range s.values {
			p := s.point(value)
			points[i] = append(points[i], p)
			if err := j.estimate(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	order, timing := slices.Concat(points...), env.Now()
	slices.SortStableFunc(order, func(a, b *curvePoint) int { return cmp.Compare(a.timedBytes, b.timedBytes) })
	for i, p := range order {
		event := api.StageEvent{Event: api.EventStage, Stage: api.StageReport, Done: i, Total: len(order)}
		if err := env.Emit(event); err != nil {
			return nil, err
		}
		if p.Error != "" {
			continue
		}
		if env.Now().Sub(timing).Seconds() > api.Or(j.request.Seconds, 600) {
			p.Error = "no time was left"
			continue
		}
		if err := j.time(ctx, p); err != nil {
			return nil, err
		}
	}
	r := &api.BenchCurves{Version: api.Version, Device: env.GPU.Info()}
	for i, s := range all {
		c := s.curve()
		for _, p := range points[i] {
			c.Points = append(c.Points, p.CurvePoint)
		}
		r.Curves = append(r.Curves, c)
	}
	r.Seconds = env.Now().Sub(begun).Seconds()
	return r, nil
}

// estimate computes the memory of a point, and decides whether it can be timed.
func (j *curvesJob) estimate(ctx context.Context, p *curvePoint) error {
	peak := func(layers int) (int64, error) {
		packed, spec := pack(p.preset, []causal.Sample{p.sample()}, p.recompute)
		p.Tokens = packed.Tokens()
		needs := model.Needs{LoRA: engine.LoRASpec(p.bench.LoRA), Steps: []model.StepSpec{spec}}
		m, err := model.Estimate(ctx, j.GPU.Info(), j.Blobs, "", p.options(layers), needs)
		return m.Peak(), err
	}
	var err error
	if p.PeakBytes, err = peak(p.config.Layers); err == nil {
		if p.timedBytes, err = peak(timedLayers); err == nil {
			if limit := api.Or(j.request.MemoryLimit, curvesMemory); p.timedBytes > limit {
				err = fault.New(fault.TooLarge, "bench-curves", "memory", "a step with %d layers needs %d bytes",
					timedLayers, p.timedBytes).WithLimit("%d", limit)
			}
		}
	}
	p.Error, err = tooSmall(err)
	return err
}

// time times the step of a point. A device that turns out to be too small is recorded.
func (j *curvesJob) time(ctx context.Context, p *curvePoint) (err error) {
	defer func() { p.Error, err = tooSmall(err) }()
	quiet := *j.Env
	quiet.Emit = func(any) error { return nil } // progress is counted in points
	bench := &benchJob{&quiet, p.bench}
	m, err := model.Load(ctx, j.GPU, j.tune, j.Blobs, "", p.options(timedLayers))
	if err != nil {
		return err
	}
	defer m.Free()
	if err := m.AttachLoRA(*engine.LoRASpec(p.bench.LoRA), 1); err != nil {
		return err
	}
	var r api.BenchResult
	if err := bench.steps(ctx, m, &r); err != nil {
		return err
	}
	p.Seconds = r.Steps[0].Seconds
	return nil
}
