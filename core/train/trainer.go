package train

import (
	"context"
	"errors"
	"time"

	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/model"
)

// Setup describes a run. Zero values of Saving, Events and Now are valid.
type Setup struct {
	Model  *model.Model // its Params train
	GPU    *gpu.Context
	Config Config
	Data   Data
	Source Source
	Saving Saving
	Events Events
	Now    func() time.Time
}

// Source identifies what a run starts from besides the model's config and format. It is a part of
// the run's Identity.
type Source struct {
	Weights  string // sample of the base model's weights
	Template string // prompt template of the samples
	Windows  string // how texts longer than a window are split; empty if there are none
	Adapter  string // digest of the adapter that training starts from; empty for a new one
}

// Saving says where and when a run writes checkpoints.
type Saving struct {
	Checkpoints Checkpoints // none are written without a store
	// Every is in steps; 0 saves only at the end of the run and when it is cancelled.
	Every  int
	Resume bool // continue from the newest checkpoint, if there is one
}

// Events are called while a run makes progress; nil functions are skipped. Steps count from 1.
type Events struct {
	Ready func() // called once, when all shaders are compiled
	Step  func(Stats)
	// Progress is called between submits. done is the number of steps with a fraction; it grows
	// before the Step events, which wait for results.
	Progress   func(done float64, steps int)
	Eval       func(step int, loss float64, best bool)
	Checkpoint func(step int)
}

// Trainer is a validated run that is ready to start. It is immutable: the state of the run belongs
// to Run.
type Trainer struct {
	setup    Setup
	steps    int
	order    Order
	identity Identity // zero without checkpoints
}

// New validates a run. The error is a fault that names the invalid setting.
func New(s Setup) (*Trainer, error) {
	if err := s.Config.Check(); err != nil {
		return nil, err
	}
	if err := s.Data.check(s.Config.Objective); err != nil {
		return nil, err
	}
	if s.Model.Params == nil {
		return nil, fault.New(fault.Missing, "training", "parameters", "the model has no trainable parameters").
			WithRemedy("attach an adapter or load the model with all weights trainable")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	n := len(s.Data.Train)
	t := &Trainer{setup: s, steps: s.Config.Steps(n), order: s.Config.Order(n)}
	if s.Saving.Checkpoints.Store != nil {
		t.identity = newIdentity(s)
	}
	return t, nil
}

// Run trains to the last step or to the early stop. When ctx is cancelled it saves a checkpoint and
// returns a fault of kind Cancelled.
func (t *Trainer) Run(ctx context.Context) (Result, error) {
	l := &loop{Trainer: t, progress: t.newProgress()}
	defer l.free()
	if err := l.prepare(ctx); err != nil {
		return Result{}, err
	}
	if t.setup.Events.Ready != nil {
		t.setup.Events.Ready()
	}
	early, err := l.run(ctx)
	if err == nil {
		err = l.finish(ctx)
	} else if errors.Is(err, fault.Cancelled) {
		// The device still works: save the newest state, unless a checkpoint has it. It is ready
		// soon: at most a few submits are unfinished.
		if l.progress.done == l.lastSaved {
			return l.result(early), err
		}
		if failed := l.save(context.WithoutCancel(ctx)); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return l.result(early), err
}

func (l *loop) result(early bool) Result {
	p, best := l.progress, l.evaluator.best
	return Result{
		Steps: p.done, Resumed: p.resumed, Tokens: p.tokens, Elapsed: p.now().Sub(p.begun),
		Loss: p.loss, Heldout: best.Loss, HasBest: best.Found, Early: early,
	}
}

func (t *Trainer) newProgress() *progress {
	return &progress{
		config: t.setup.Config, steps: t.steps, perEpoch: t.order.StepsPerEpoch(),
		now: t.setup.Now, onStep: t.setup.Events.Step, begun: t.setup.Now(),
	}
}
