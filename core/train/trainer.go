package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
)

// Config is everything that decides a run's result, beside model and data.
type Config struct {
	Objective   causal.Options
	Epochs      float64
	BatchSize   int
	LR          float64
	Warmup      float64 // share of all steps
	Decay       string
	AdamW       AdamW
	Seed        uint64
	TokenBudget int
	Recompute   bool
	EvalEvery   int // steps; 0 tests at the end of each epoch
	Patience    int // tests without a better loss before stopping; 0 never stops early
}

// Check refuses settings that mean nothing.
func (c Config) Check() error {
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"epochs", c.Epochs, 1e-6, 1e4}, {"batch_size", float64(c.BatchSize), 1, 4096}, {"lr", c.LR, 0, 10},
		{"warmup", c.Warmup, 0, 1}, {"clip", c.AdamW.Clip, 0, math.MaxFloat32}, {"weight_decay", c.AdamW.WeightDecay, 0, 1},
		{"token_budget", float64(c.TokenBudget), 1, 1 << 20}, {"eval_every", float64(c.EvalEvery), 0, 1e9}, {"patience", float64(c.Patience), 0, 1e9},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fault.New(fault.OutOfRange, "training", f.name, "%g", f.v).WithLimit("%g to %g", f.lo, f.hi)
		}
	}
	ok := false
	for _, d := range Decays {
		ok = ok || c.Decay == d
	}
	if !ok {
		return fault.New(fault.Unsupported, "training", "decay", "%q", c.Decay).WithRemedy("use one of %v", Decays)
	}
	return c.Objective.Check("objective")
}

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

// Trainer fits a model's Params to samples.
type Trainer struct {
	Model *model.Model
	GPU   *gpu.Context
	Tune  *kernels.Tune
	// Store and Dir say where checkpoints go; a nil Store keeps none.
	Store blob.Store
	Dir   string
	// CheckpointEvery is in steps; the last step and a cancel always save.
	CheckpointEvery int
	Resume          bool
	Config          Config
	Train, Heldout  []causal.Sample
	// Expert holds [responses, 2] log-probabilities under a frozen θ_D per
	// sample, when the objective wants them.
	Expert [][]float32
	// Budget is the work of one submit in flops, see gpu.Plan.Run.
	Budget float64

	Now          func() time.Time
	OnStep       func(Stats)
	OnEval       func(step int, loss float64, best bool)
	OnCheckpoint func(step int)

	step *model.Step
	// forward sums weights ahead of a step of several micro-batches; made when
	// first needed.
	forward *model.Step
	opt     *Optimizer
	scorer  *Scorer
	norms   gpu.Buffer

	done    int // steps done
	resumed int // steps done by earlier processes
	steps   int
	perEp   int
	tokens  int64
	best    float64
	hasBest bool
	since   int
	bestVal [][]float32
	pending []pendingStep
	bad     int
	last    float64
	begun   time.Time
	// measured are the tokens and the time of this process, for the rate.
	measured int64
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

// Run trains to the end, to the early stop, or until ctx is done; then it saves
// a checkpoint and returns a fault of kind Cancelled.
func (t *Trainer) Run(ctx context.Context) (Result, error) {
	if err := t.prepare(ctx); err != nil {
		t.free()
		return Result{}, err
	}
	defer t.free()
	early, err := t.loop(ctx)
	if err == nil {
		err = t.finish(ctx, early)
	} else if errors.Is(err, fault.Cancelled) {
		// The device still answers: leave the newest state behind.
		err = errors.Join(err, t.save(context.WithoutCancel(ctx)))
	}
	return Result{
		Steps: t.done, Resumed: t.resumed, Tokens: t.tokens, Elapsed: t.Now().Sub(t.begun),
		Loss: t.last, Heldout: t.best, HasBest: t.hasBest, Early: early,
	}, err
}

func (t *Trainer) prepare(ctx context.Context) error {
	c := t.Config
	if err := c.Check(); err != nil {
		return err
	}
	if len(t.Train) == 0 {
		return fault.New(fault.Missing, "training", "samples", "there are none").WithRemedy("add at least one item of history")
	}
	if t.Model.Params == nil {
		return fault.New(fault.Missing, "training", "parameters", "nothing of the model trains").WithRemedy("attach an adapter or train all weights")
	}
	if t.Now == nil {
		t.Now = time.Now
	}
	t.begun = t.Now()
	t.perEp = (len(t.Train) + c.BatchSize - 1) / c.BatchSize
	t.steps = max(1, int(math.Ceil(c.Epochs*float64(t.perEp)-1e-9)))
	dual := c.Objective.Dual()
	limits := Fit(t.Train, dual, c.TokenBudget, c.BatchSize)
	var err error
	t.step, err = t.Model.NewStep(model.StepSpec{
		MaxTokens: limits.Tokens, MaxResponses: limits.Responses, Objective: c.Objective,
		Dual: dual, Backward: true, Recompute: c.Recompute,
	})
	if err != nil {
		return err
	}
	if t.opt, err = NewOptimizer(t.GPU, t.Model.Params, c.AdamW); err != nil {
		return err
	}
	if len(t.Heldout) > 0 {
		l := Fit(t.Heldout, false, c.TokenBudget, len(t.Heldout))
		l.SubmitFlops = t.Budget
		if t.scorer, err = NewScorer(t.Model, l, false); err != nil {
			return err
		}
	}
	t.norms = t.GPU.NewBuffer("norm ring", 16*model.SumSlots, gpu.Storage)
	t.Model.Params.ResetOptimizer()
	return t.resume(ctx)
}

// identity is the fingerprint that a checkpoint must share with the run.
func (t *Trainer) identity() string {
	return fingerprint(t.Config, t.Train, t.Heldout, t.Expert, t.Model.Config)
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
	t.done, t.tokens, t.best, t.hasBest, t.since, t.bestVal = c.Step, c.Tokens, c.Best, c.HasBest, c.Since, c.BestValues
	return nil
}

func (t *Trainer) loop(ctx context.Context) (early bool, err error) {
	lastRead := t.Now()
	lastSave := t.done
	for t.done < t.steps {
		if t.Config.Patience > 0 && t.since >= t.Config.Patience {
			return true, t.drain(ctx)
		}
		if err := t.cancelled(ctx); err != nil {
			return false, err
		}
		if err := t.one(ctx); err != nil {
			if cerr := t.cancelled(ctx); cerr != nil {
				// The step was cut in the middle: its gradients are not whole,
				// but parameters change only in the update, which is one batch.
				return false, cerr
			}
			return false, err
		}
		if len(t.pending) >= readEvery || t.Now().Sub(lastRead) > readAfter || t.done == t.steps {
			if err := t.drain(ctx); err != nil {
				return false, err
			}
			lastRead = t.Now()
		}
		if t.testNow() {
			if err := t.test(ctx); err != nil {
				return false, err
			}
		}
		if t.Store != nil && t.CheckpointEvery > 0 && t.done-lastSave >= t.CheckpointEvery && t.done < t.steps {
			if err := t.save(ctx); err != nil {
				return false, err
			}
			lastSave = t.done
		}
	}
	return false, nil
}

func (t *Trainer) cancelled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Cancelled, "training", "", "stopped after step %d of %d", t.done, t.steps).
			WithRemedy("resume to go on from there")
	}
	return nil
}

// Batch returns the samples of step s: epoch by epoch in an order that follows
// from the seed alone.
func (t *Trainer) batch(s int) []int {
	epoch, at := s/t.perEp, s%t.perEp
	order := rand.New(rand.NewPCG(t.Config.Seed, uint64(epoch))).Perm(len(t.Train))
	return order[at*t.Config.BatchSize : min(len(order), (at+1)*t.Config.BatchSize)]
}

// one queues one optimizer step.
func (t *Trainer) one(ctx context.Context) error {
	c := t.Config
	index := t.batch(t.done)
	samples := make([]causal.Sample, len(index))
	responses := 0
	for i, j := range index {
		samples[i] = t.Train[j]
		responses += len(samples[i].Response)
	}
	packs, err := causal.MicroBatches(samples, t.step.Spec.Dual, t.step.Spec.MaxTokens, t.step.Spec.MaxResponses)
	if err != nil {
		return err
	}
	slot := t.done % model.SumSlots
	lr := Schedule{LR: c.LR, Warmup: int(math.Ceil(c.Warmup * float64(t.steps))), Total: t.steps, Decay: c.Decay}.At(t.done)
	ps := pendingStep{index: t.done, lr: lr, alpha: c.Objective.Alpha, n: len(samples)}
	ps.znorm, err = t.Divisors(ctx, packs, index, responses)
	if err != nil {
		return err
	}
	t.opt.ZeroGrad()
	for i, p := range packs {
		d := gpu.Dyn{Slot: uint32(slot), NormNTP: float32(ps.znorm[0]), NormAlign: float32(ps.znorm[1])}
		if i > 0 {
			d.Accumulate = 1
		}
		if err := t.step.Run(ctx, p, t.expert(p, index), d, t.Budget); err != nil {
			return err
		}
		ps.tokens += int64(p.Tokens())
	}
	if err := t.opt.Update(context.WithoutCancel(ctx), t.done, lr); err != nil {
		return err
	}
	t.GPU.Copy(t.opt.Norm(), 0, t.norms, int64(16*slot), 16)
	t.pending = append(t.pending, ps)
	t.done++
	t.tokens += ps.tokens
	t.measured += ps.tokens
	return t.GPU.Flush()
}

// expert gathers the frozen log-probabilities of a pack's response tokens.
func (t *Trainer) expert(p *causal.Packed, index []int) []float32 {
	if !t.Config.Objective.Frozen() || t.Expert == nil {
		return nil
	}
	out := make([]float32, 0, 2*p.Responses())
	for i := range p.Targets {
		e := t.Expert[index[p.Sample[i]]]
		out = append(out, e[2*p.Index[i]], e[2*p.Index[i]+1])
	}
	return out
}

// Divisors returns Z of L_n and L_p for a step's micro-batches. 0 leaves it to
// the device, which can sum the weights of one micro-batch; with several, their
// weights are summed by a forward pass first, so that accumulation is exact.
func (t *Trainer) Divisors(ctx context.Context, packs []*causal.Packed, index []int, responses int) ([2]float64, error) {
	n := 0
	for _, p := range packs {
		n += p.Samples
	}
	z := Divisors(t.Config.Objective, responses, n)
	if len(packs) == 1 || (z[0] > 0 && z[1] > 0) {
		return z, nil
	}
	if t.forward == nil {
		spec := t.step.Spec
		spec.Backward = false
		var err error
		if t.forward, err = t.Model.NewStep(spec); err != nil {
			return z, err
		}
	}
	sums, err := WeightSums(ctx, t.forward, packs, func(p *causal.Packed) []float32 { return t.expert(p, index) }, t.Budget)
	if err != nil {
		return z, err
	}
	if z[0] == 0 {
		z[0] = sums[0]
	}
	if z[1] == 0 {
		z[1] = sums[1]
	}
	return z, nil
}

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
	c := &Checkpoint{
		Step: t.done, Run: t.identity(), Tokens: t.tokens, State: state,
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

func (t *Trainer) free() {
	if t.step != nil {
		t.step.Free()
	}
	if t.forward != nil {
		t.forward.Free()
	}
	if t.opt != nil {
		t.opt.Free()
	}
	if t.scorer != nil {
		t.scorer.Free()
	}
	if t.norms != 0 {
		t.GPU.Free(t.norms)
	}
	t.step, t.forward, t.opt, t.scorer, t.norms = nil, nil, nil, nil, 0
}
