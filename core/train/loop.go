package train

import (
	"cmp"
	"context"
	"math"

	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/params"
)

// loop is the state of a run.
type loop struct {
	*Trainer
	progress  *progress
	gradients *Gradients
	optimizer *Optimizer
	evaluator *evaluator
	lastSaved int // step
}

// prepare compiles the plans and loads the checkpoint to resume from.
func (l *loop) prepare(ctx context.Context) error {
	s := l.setup
	var err error
	spec := s.Config.StepSpecs(s.Data.Train, nil)[0]
	if l.gradients, err = NewGradients(s.Model, spec); err != nil {
		return err
	}
	if l.optimizer, err = NewOptimizer(s.GPU, s.Model.Params, s.Config.AdamW, s.Config.Schedule(l.steps)); err != nil {
		return err
	}
	if l.evaluator, err = newEvaluator(s, l.steps); err != nil {
		return err
	}
	s.Model.Params.ResetOptimizer()
	// From here on no pipeline is compiling, so that reading a checkpoint's values takes no longer
	// than the submits that are unfinished.
	if err := s.GPU.Wait(ctx); err != nil {
		return err
	}
	if s.Saving.Checkpoints.Store == nil || !s.Saving.Resume {
		return nil
	}
	c, err := l.setup.Saving.Checkpoints.Load(ctx)
	if err != nil || c == nil {
		return err
	}
	return l.restore(c)
}

// run trains until the last step, the early stop or an error.
func (l *loop) run(ctx context.Context) (early bool, err error) {
	p := l.progress
	p.lastRead, l.lastSaved = p.now(), p.done
	for p.done < l.steps {
		if l.evaluator.exhausted() {
			return true, p.read(ctx, l.gradients, l.optimizer)
		}
		if err := l.turn(ctx); err != nil {
			return false, err
		}
	}
	return false, nil
}

// turn does one step and what is due after it: reading, testing, saving.
func (l *loop) turn(ctx context.Context) error {
	if err := l.cancelled(ctx); err != nil {
		return err
	}
	if err := l.step(ctx); err != nil {
		// A cancelled step leaves incomplete gradients, but parameters change only in the update,
		// which is one batch.
		return cmp.Or(l.cancelled(ctx), err)
	}
	p := l.progress
	if p.due() {
		if err := p.read(ctx, l.gradients, l.optimizer); err != nil {
			return err
		}
	}
	if l.evaluator.due(p.done) {
		loss, best, err := l.evaluator.test(ctx, func(float64) { l.report(0) })
		if err != nil {
			return cmp.Or(l.cancelled(ctx), err)
		}
		if l.setup.Events.Eval != nil {
			l.setup.Events.Eval(p.done, loss, best)
		}
	}
	if every := l.setup.Saving.Every; every > 0 && p.done-l.lastSaved >= every && p.done < l.steps {
		return l.save(ctx)
	}
	return nil
}

// step queues one optimizer step.
func (l *loop) step(ctx context.Context) error {
	s := l.progress.done
	l.optimizer.ZeroGrad()
	a, err := l.gradients.Add(ctx, l.setup.Data.batch(l.order.Batch(s)), s%model.SumSlots, l.report)
	if err != nil {
		return err
	}
	if err := l.optimizer.Update(context.WithoutCancel(ctx), s); err != nil {
		return err
	}
	l.progress.add(queuedStep{index: s, lr: l.optimizer.LR(s), divisors: a.Divisors}, a.Tokens)
	return l.setup.GPU.Flush()
}

// report passes on how far the step is that runs.
func (l *loop) report(share float64) {
	if f := l.setup.Events.Progress; f != nil {
		f(float64(l.progress.done)+share, l.steps)
	}
}

func (l *loop) cancelled(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fault.New(fault.Cancelled, "training", "", "stopped after step %d of %d", l.progress.done, l.steps).
		WithRemedy("resume to continue from there")
}

// save writes a checkpoint of the steps done so far.
func (l *loop) save(ctx context.Context) error {
	if l.setup.Saving.Checkpoints.Store == nil {
		return nil
	}
	if err := l.progress.read(ctx, l.gradients, l.optimizer); err != nil {
		return err
	}
	p, best := l.progress, l.evaluator.best
	c := &Checkpoint{
		Step: p.done, Run: &l.identity, Tokens: p.tokens, Last: p.loss, Counts: l.setup.Model.Params.Counts(),
		Best: best.Loss, HasBest: best.Found, Since: best.Since, BestValues: best.Value,
	}
	if math.IsNaN(c.Last) || math.IsInf(c.Last, 0) {
		c.Last = 0 // JSON cannot represent it; the step was dropped
	}
	read := func(into []params.State) error { return l.setup.Model.Params.ReadState(ctx, into) }
	if err := l.setup.Saving.Checkpoints.Save(ctx, c, read); err != nil {
		return err
	}
	l.lastSaved = p.done
	if l.setup.Events.Checkpoint != nil {
		l.setup.Events.Checkpoint(p.done)
	}
	return nil
}

// restore continues from a checkpoint of this run.
func (l *loop) restore(c *Checkpoint) error {
	if err := l.identity.match(c.Run, l.setup.Saving.Checkpoints.folder()); err != nil {
		return err
	}
	if err := l.setup.Model.Params.WriteState(c.State); err != nil {
		return err
	}
	if err := l.setup.GPU.Flush(); err != nil { // before the next checkpoint takes the memory of this one
		return err
	}
	p := l.progress
	p.resumed, p.done, p.tokens, p.loss = c.Step, c.Step, c.Tokens, c.Last
	l.evaluator.best = bestTest{Loss: c.Best, Found: c.HasBest, Since: c.Since, Value: c.BestValues}
	return nil
}

// finish saves the end of the run and restores the best parameters when it has a patience.
func (l *loop) finish(ctx context.Context) error {
	if err := l.save(ctx); err != nil {
		return err
	}
	l.evaluator.restore(l.setup.GPU)
	return l.setup.GPU.Flush()
}

func (l *loop) free() {
	if l.gradients != nil {
		l.gradients.Free()
	}
	if l.optimizer != nil {
		l.optimizer.Free()
	}
	if l.evaluator != nil {
		l.evaluator.free()
	}
}
