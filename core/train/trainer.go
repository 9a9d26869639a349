package train

import (
	"context"
	"errors"
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
	// Origin identifies the adapter that the run starts from, "" for a new one: a
	// checkpoint belongs to one of them.
	Origin string
	// Weights identifies the base model's weights, and Template how its prompts are laid
	// out; both for the same end.
	Weights, Template string
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
		if failed := t.save(context.WithoutCancel(ctx)); failed != nil {
			err = errors.Join(err, failed)
		}
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
	var err error
	if t.step, err = t.Model.NewStep(c.StepSpecs(t.Train, nil)[0]); err != nil {
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
		d := kernels.Dyn{Slot: uint32(slot), NormNTP: float32(ps.znorm[0]), NormAlign: float32(ps.znorm[1])}
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
