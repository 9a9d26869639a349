package gpu

import (
	"context"
	"slices"
	"time"
)

// Timing is the measured cost of one dispatch of a plan.
type Timing struct {
	Program string
	Seconds float64
	Flops   float64
}

// Profile runs every dispatch of the plan separately, often enough to measure it above the cost of
// a submit, and returns one timing for each. The results on the device are meaningless afterwards,
// because kernels that accumulate have run many times.
func (p *Plan) Profile(ctx context.Context, r *Replay, now func() time.Time) ([]Timing, error) {
	p.ctx.WriteU32(p.replay, 0, r.Words[:])
	idle, err := p.timed(ctx, now, nil, 0)
	if err != nil {
		return nil, err
	}
	var out []Timing
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind != stepDispatch {
			continue
		}
		groups := s.dispatch.Groups(r)
		if slices.Contains(groups[:], 0) {
			continue
		}
		command := Command{Op: OpDispatch, Pipeline: s.pipeline, BindGroup: s.group, Groups: groups}
		t := Timing{Program: s.dispatch.Program.Name}
		if s.dispatch.Flops != nil {
			t.Flops = s.dispatch.Flops(r)
		}
		for repeats := 1; ; repeats *= 4 {
			total, err := p.timed(ctx, now, &command, repeats)
			if err != nil {
				return nil, err
			}
			if busy := total - idle; busy > 4*idle || repeats >= 64 {
				t.Seconds = max(0, busy.Seconds()) / float64(repeats)
				break
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// timed returns the time from submitting a command, repeats times, to the end of all.
func (p *Plan) timed(ctx context.Context, now func() time.Time, c *Command, repeats int) (time.Duration, error) {
	if err := p.ctx.Wait(ctx); err != nil {
		return 0, err
	}
	begun := now()
	for range repeats {
		p.ctx.batch.add(*c)
	}
	if err := p.ctx.Wait(ctx); err != nil {
		return 0, err
	}
	return now().Sub(begun), nil
}
