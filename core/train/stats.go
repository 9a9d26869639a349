package train

import (
	"context"
	"fmt"
	"time"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Stats is what one optimizer step did.
type Stats struct {
	Step, Steps      int // 1-based
	Epoch            float64
	Loss, NTP, Align float64
	Causal           float64 // share of response tokens with DCE above δ
	LR, GradNorm     float64
	Applied          bool  // false when the gradient was not finite and was dropped
	Tokens           int64 // packed tokens since the start, resumed part included
	TokensPS         float64
	Elapsed          time.Duration
	Remaining        time.Duration
}

// Result sums a run up.
type Result struct {
	Steps   int
	Resumed int
	Tokens  int64
	Elapsed time.Duration
	Loss    float64 // of the last step
	// Heldout is the best held-out loss in nats per token; the model is left
	// with the parameters that had it when Patience is set.
	Heldout float64
	HasBest bool
	Early   bool
}

// pendingStep is a step whose sums have not been read.
type pendingStep struct {
	index  int
	lr     float64
	znorm  [2]float64 // divisors given by the host, 0 for the sum of the weights
	alpha  float64
	tokens int64
	n      int // samples
}

// readEvery bounds how many steps go unread, in steps and in time.
const (
	readEvery = 4
	readAfter = 500 * time.Millisecond
	// maxBadSteps gradients in a row that are not finite end the run.
	maxBadSteps = 3
)

// drain reads the sums of the steps that are pending and reports them.
func (t *Trainer) drain(ctx context.Context) error {
	if len(t.pending) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	sums, err := t.GPU.ReadF32(ctx, t.step.Sums(), 0, model.SumSlots*kernels.SumsWidth)
	if err != nil {
		return err
	}
	norms, err := t.GPU.ReadF32(ctx, t.norms, 0, 4*model.SumSlots)
	if err != nil {
		return err
	}
	elapsed := t.Now().Sub(t.begun)
	for _, p := range t.pending {
		slot := p.index % model.SumSlots
		s := kernels.SumsAt(sums[slot*kernels.SumsWidth:])
		st := t.stats(p, s, norms[4*slot:], elapsed)
		t.last = st.Loss
		if st.Applied {
			t.bad = 0
		} else {
			t.bad++
		}
		if t.OnStep != nil {
			t.OnStep(st)
		}
		if t.bad >= maxBadSteps {
			return fault.New(fault.NaN, "training", fmt.Sprintf("step %d", st.Step), "%d gradients in a row were not finite", t.bad).
				WithRemedy("lower the learning rate; the newest checkpoint is from before")
		}
	}
	t.pending = t.pending[:0]
	return nil
}

func (t *Trainer) stats(p pendingStep, s kernels.Sums, norm []float32, elapsed time.Duration) Stats {
	l := LossOf(s, p.znorm, p.alpha)
	st := Stats{
		Step: p.index + 1, Steps: t.steps, Epoch: float64(p.index+1) / float64(t.perEp),
		Loss: l.Total, NTP: l.NTP, Align: l.Align, LR: p.lr, GradNorm: float64(norm[0]), Applied: norm[2] == 0,
		Tokens: t.tokens, Elapsed: elapsed,
	}
	if s.Count > 0 {
		st.Causal = float64(s.Above) / float64(s.Count)
	}
	if sec := elapsed.Seconds(); sec > 0 && t.measured > 0 {
		st.TokensPS = float64(t.measured) / sec
		left := float64(t.steps-t.done) / float64(max(1, t.done-t.resumed))
		st.Remaining = time.Duration(left * float64(elapsed))
	}
	return st
}
