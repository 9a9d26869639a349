package train

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"nextquill/core/blob"
	"nextquill/core/fault"
)

// identity is all that decides a run's result, by what a person calls it: what a checkpoint must share with the run that goes on
// from it. What is long stands as its fingerprint.
func (t *Trainer) identity() map[string]string {
	return map[string]string{
		"settings": fingerprint(t.Config), "texts to learn from": fingerprint(t.Train), "texts to test on": fingerprint(t.Heldout),
		"frozen adapter": fingerprint(t.Expert), "model": fingerprint(t.Model.Config, t.Weights), "base": t.Model.Base(),
		"template": t.Template, "adapter to start from": t.Origin,
	}
}

// differences lists the parts of two identities that are not the same, and tells what they are where one can read it.
func differences(saved, now map[string]string) []string {
	var out []string
	for _, part := range slices.Sorted(maps.Keys(now)) {
		switch a, b := saved[part], now[part]; {
		case a == b:
		case (part == "base" || part == "template") && len(a) < 40:
			out = append(out, fmt.Sprintf("%s (%s there, %s here)", part, fault.Quote(a), fault.Quote(b)))
		default:
			out = append(out, part)
		}
	}
	return out
}

func (t *Trainer) resume(ctx context.Context) error {
	if t.Store == nil || !t.Resume {
		return nil
	}
	c, err := LoadCheckpoint(ctx, t.Store, t.Dir)
	if err != nil || c == nil {
		return err
	}
	where := blob.Join(t.Dir, "checkpoint")
	if c.Run == nil {
		return fault.New(fault.Unsupported, where, "", "was written by an earlier version, and does not say what it was made with").
			WithRemedy("start without resuming")
	}
	if other := differences(c.Run, t.identity()); len(other) > 0 {
		return fault.New(fault.Mismatch, where, strings.Join(other, ", "), "not those of the run that it belongs to").
			WithRemedy("start with what it was made with, or without resuming")
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
