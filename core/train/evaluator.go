package train

import (
	"cmp"
	"context"

	"nextquill/core/causal"
	"nextquill/core/gpu"
	"nextquill/core/params"
)

// bestTest is the best held-out test of a run.
type bestTest struct {
	Loss  float64 // nats per token; valid when Found
	Found bool
	Since int      // tests since then
	Value [][]byte // the parameters at that test, by segment, as in params.State
}

// evaluator measures the loss on held-out samples, keeps the best parameters and decides when to
// stop early. Without held-out samples no test is ever due.
type evaluator struct {
	scorer   *Scorer // nil without held-out samples
	samples  []causal.Sample
	params   *params.Packed
	every    int // steps between tests
	steps    int // of the run: the last one is always tested
	patience int
	best     bestTest
}

// newEvaluator compiles the scorer of the held-out samples for a run of this number of steps.
func newEvaluator(s Setup, steps int) (*evaluator, error) {
	c, samples := s.Config, s.Data.Heldout
	e := &evaluator{
		samples: samples, params: s.Model.Params, steps: steps, patience: c.Patience,
		every: cmp.Or(c.EvalEvery, c.Order(len(s.Data.Train)).StepsPerEpoch()),
	}
	if len(samples) == 0 {
		return e, nil
	}
	limits := Fit(samples, false, c.TokenBudget, len(samples))
	var err error
	e.scorer, err = NewScorer(s.Model, limits, false)
	return e, err
}

// due reports whether a test follows after this number of steps.
func (e *evaluator) due(done int) bool {
	return e.scorer != nil && (done == e.steps || done%e.every == 0)
}

// test scores the held-out samples and keeps the parameters when they are the best so far.
func (e *evaluator) test(ctx context.Context, progress func(float64)) (loss float64, best bool, err error) {
	records, err := e.scorer.Score(ctx, e.samples, progress)
	if err != nil {
		return 0, false, err
	}
	loss, _ = Loss(records)
	if e.best.Found && !(loss < e.best.Loss) {
		e.best.Since++
		return loss, false, nil
	}
	if err := e.readValues(context.WithoutCancel(ctx)); err != nil {
		return loss, false, err
	}
	e.best = bestTest{Loss: loss, Found: true, Value: e.best.Value}
	return loss, true, nil
}

// readValues reads the parameters into the memory of the best ones so far.
func (e *evaluator) readValues(ctx context.Context) error {
	if e.best.Value == nil {
		for _, s := range e.params.Segments {
			e.best.Value = append(e.best.Value, make([]byte, 4*s.Count))
		}
	}
	into := make([]params.State, len(e.best.Value))
	for i := range into {
		into[i].Value = e.best.Value[i]
	}
	return e.params.ReadState(ctx, into)
}

// exhausted reports whether the run stops early: the last Patience tests brought no better loss.
func (e *evaluator) exhausted() bool { return e.patience > 0 && e.best.Since >= e.patience }

// restore puts the best parameters on the device, when the run has a patience.
func (e *evaluator) restore(g *gpu.Context) {
	if e.patience == 0 || !e.best.Found {
		return
	}
	for i, s := range e.params.Segments {
		g.Write(s.Value, 0, e.best.Value[i])
	}
}

func (e *evaluator) free() {
	if e.scorer != nil {
		e.scorer.Free()
	}
}
