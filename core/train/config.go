package train

import (
	"math"
	"slices"

	"nextquill/core/causal"
	"nextquill/core/fault"
)

// Config holds the settings of a run. Together with the model and the data they determine its
// result, except Recompute, which changes no bits. A checkpoint stores a fingerprint of the other
// fields by name, so renaming a field invalidates existing checkpoints.
type Config struct {
	Objective   causal.Options
	Epochs      float64
	BatchSize   int     // samples per optimizer step
	LR          float64 // peak learning rate
	Warmup      float64 // share of all steps
	Decay       string  // one of Decays()
	AdamW       AdamW
	Seed        uint64 // of the data order
	TokenBudget int    // packed tokens per micro-batch
	Recompute   bool   `json:"-"` // recompute activations; the result has the same bits with and without
	EvalEvery   int    // steps between held-out evaluations; 0 evaluates at the end of each epoch
	Patience    int    // evaluations without a better loss before the run stops early; 0 never stops early
}

// Check returns a fault of kind OutOfRange or Unsupported for the first invalid setting.
func (c Config) Check() error {
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"epochs", c.Epochs, 1e-6, 1e4},
		{"batch_size", float64(c.BatchSize), 1, 4096},
		{"lr", c.LR, 0, 10},
		{"warmup", c.Warmup, 0, 1},
		{"clip", c.AdamW.Clip, 0, math.MaxFloat32},
		{"weight_decay", c.AdamW.WeightDecay, 0, 1},
		{"token_budget", float64(c.TokenBudget), 1, 1 << 20},
		{"eval_every", float64(c.EvalEvery), 0, 1e9},
		{"patience", float64(c.Patience), 0, 1e9},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fault.New(fault.OutOfRange, "training", f.name, "%g", f.v).WithLimit("%g to %g", f.lo, f.hi)
		}
	}
	if !slices.Contains(Decays(), c.Decay) {
		return fault.New(fault.Unsupported, "training", "decay", "%q", c.Decay).WithRemedy("use one of %v", Decays())
	}
	return c.Objective.Check("objective")
}

// Order is the order of the data over samples of this number.
func (c Config) Order(samples int) Order {
	return Order{Samples: samples, BatchSize: c.BatchSize, Seed: c.Seed}
}

// Steps is the number of optimizer steps for this number of samples; the last epoch may be partial.
func (c Config) Steps(samples int) int {
	return max(1, int(math.Ceil(c.Epochs*float64(c.Order(samples).StepsPerEpoch())-1e-9)))
}

// Schedule is the learning-rate schedule of a run of this number of steps.
func (c Config) Schedule(steps int) Schedule {
	return Schedule{LR: c.LR, Warmup: int(math.Ceil(c.Warmup * float64(steps))), Total: steps, Decay: c.Decay}
}
