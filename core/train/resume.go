package train

import (
	"context"
	"math"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// identity is the fingerprint that a checkpoint must share with the run.
func (t *Trainer) identity() string {
	parts := []any{t.Config, t.Train, t.Heldout, t.Expert, t.Model.Config}
	if t.Origin != "" {
		parts = append(parts, t.Origin)
	}
	return fingerprint(parts...)
}

func (t *Trainer) resume(ctx context.Context) error {
	if t.Store == nil || !t.Resume {
		return nil
	}
	c, err := LoadCheckpoint(ctx, t.Store, t.Dir)
	if err != nil || c == nil {
		return err
	}
	if c.Run != t.identity() {
		return fault.New(fault.Mismatch, blob.Join(t.Dir, "checkpoint"), "", "belongs to a run with other settings or another history").
			WithRemedy("start with the settings it was made with, or without resuming")
	}
	if err := t.Model.Params.WriteState(c.State); err != nil {
		return err
	}
	t.resumed = c.Step
	t.done, t.tokens, t.last = c.Step, c.Tokens, c.Last
	t.best, t.hasBest, t.since, t.bestVal = c.Best, c.HasBest, c.Since, c.BestValues
	return nil
}

// save writes a checkpoint of the steps done so far.
func (t *Trainer) save(ctx context.Context) error {
	if t.Store == nil {
		return nil
	}
	if err := t.drain(ctx); err != nil {
		return err
	}
	state, err := t.Model.Params.ReadState(ctx)
	if err != nil {
		return err
	}
	last := t.last
	if math.IsNaN(last) || math.IsInf(last, 0) {
		last = 0 // JSON has no such number; the step was dropped
	}
	c := &Checkpoint{
		Step: t.done, Run: t.identity(), Tokens: t.tokens, Last: last, State: state,
		Best: t.best, HasBest: t.hasBest, Since: t.since, BestValues: t.bestVal,
	}
	if err := c.Save(ctx, t.Store, t.Dir); err != nil {
		return err
	}
	if t.OnCheckpoint != nil {
		t.OnCheckpoint(t.done)
	}
	return nil
}

// finish puts the best parameters in place when the run watches the held-out
// loss, and saves.
func (t *Trainer) finish(ctx context.Context, early bool) error {
	if err := t.save(ctx); err != nil {
		return err
	}
	if t.Config.Patience > 0 && t.hasBest {
		for i, s := range t.Model.Params.Segments {
			t.GPU.WriteF32(s.Value, 0, t.bestVal[i])
		}
	}
	return t.GPU.Flush()
}
