package train

import (
	"context"
	"fmt"
	"time"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// The device runs ahead of the host: losses are read after this many steps or this much time.
const (
	readEvery = 4
	readAfter = 500 * time.Millisecond
)

// maxDropped is the number of dropped gradients in a row that end the run.
const maxDropped = 3

// queuedStep is a step whose results have not been read from the device.
type queuedStep struct {
	index    int
	lr       float64
	divisors [2]float64 // 0: the sum of the weights
}

// progress counts what a run has done, reads the results of queued steps and reports them as Stats.
type progress struct {
	config    Config
	steps     int
	perEpoch  int
	now       func() time.Time
	onStep    func(Stats)
	begun     time.Time
	lastRead  time.Time
	resumed   int   // steps done before this process
	done      int   // steps queued, including resumed ones
	tokens    int64 // packed tokens of all steps
	ownTokens int64 // packed tokens of this process
	queued    []queuedStep
	dropped   int     // gradients dropped in a row
	loss      float64 // of the last step read
}

// add counts a queued step.
func (p *progress) add(s queuedStep, tokens int) {
	p.queued = append(p.queued, s)
	p.done++
	p.tokens += int64(tokens)
	p.ownTokens += int64(tokens)
}

// due reports whether the queued steps should be read now.
func (p *progress) due() bool {
	return len(p.queued) >= readEvery || p.now().Sub(p.lastRead) > readAfter || p.done == p.steps
}

// read waits for the queued steps and reports each of them. Cancelling ctx does not interrupt it.
func (p *progress) read(ctx context.Context, g *Gradients, o *Optimizer) error {
	defer func() { p.lastRead = p.now() }()
	if len(p.queued) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	sums, err := g.step.ReadAllSums(ctx)
	if err != nil {
		return err
	}
	norms, err := o.Norms(ctx)
	if err != nil {
		return err
	}
	elapsed := p.now().Sub(p.begun)
	for _, q := range p.queued {
		slot := q.index % model.SumSlots
		s := p.stats(q, sums[slot], norms[slot], elapsed)
		p.loss = s.Loss
		if s.Applied {
			p.dropped = 0
		} else {
			p.dropped++
		}
		if p.onStep != nil {
			p.onStep(s)
		}
		if p.dropped >= maxDropped {
			where := fmt.Sprintf("step %d", s.Step)
			return fault.New(fault.NaN, "training", where, "%d gradients in a row were not finite", p.dropped).
				WithRemedy("lower the learning rate; the newest checkpoint is from before this")
		}
	}
	p.queued = p.queued[:0]
	return nil
}

func (p *progress) stats(q queuedStep, sums kernels.Sums, norm Norm, elapsed time.Duration) Stats {
	l := LossOf(sums, q.divisors, p.config.Objective.Alpha)
	s := Stats{
		Step: q.index + 1, Steps: p.steps, Epoch: float64(q.index+1) / float64(p.perEpoch),
		Loss: l.Total, NTP: l.NTP, Align: l.Align, LR: q.lr, GradNorm: norm.Value, Applied: norm.Applied,
		Tokens: p.tokens, Elapsed: elapsed,
	}
	if sums.Count > 0 {
		s.Causal = float64(sums.Above) / float64(sums.Count)
	}
	if sec := elapsed.Seconds(); sec > 0 && p.ownTokens > 0 {
		s.TokensPS = float64(p.ownTokens) / sec
		left := float64(p.steps-p.done) / float64(max(1, p.done-p.resumed))
		s.Remaining = time.Duration(left * float64(elapsed))
	}
	return s
}
