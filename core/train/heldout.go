package train

import "context"

func (t *Trainer) testNow() bool {
	if t.scorer == nil {
		return false
	}
	if t.done == t.steps {
		return true
	}
	if t.Config.EvalEvery > 0 {
		return t.done%t.Config.EvalEvery == 0
	}
	return t.done%t.perEp == 0
}

// test scores the held-out samples and remembers the best parameters.
func (t *Trainer) test(ctx context.Context) error {
	records, err := t.scorer.Score(ctx, t.Heldout, nil)
	if err != nil {
		if cerr := t.cancelled(ctx); cerr != nil {
			return cerr
		}
		return err
	}
	loss, _ := Loss(records)
	better := !t.hasBest || loss < t.best
	if better {
		t.best, t.hasBest, t.since = loss, true, 0
		states, err := t.Model.Params.ReadState(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		t.bestVal = nil
		for _, s := range states {
			t.bestVal = append(t.bestVal, s.Value)
		}
	} else {
		t.since++
	}
	if t.OnEval != nil {
		t.OnEval(t.done, loss, better)
	}
	return nil
}
