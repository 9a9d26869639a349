package train

import (
	"math"

	"nextquill/core/causal"
	"nextquill/core/fault"
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
	Recompute   bool `json:"-"` // the same result to the bit, so it is no part of a run's identity
	EvalEvery   int  // steps; 0 tests at the end of each epoch
	Patience    int  // tests without a better loss before stopping; 0 never stops early
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
