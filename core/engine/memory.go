package engine

import (
	"context"
	"fmt"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// Workload is what a method does with a model, as far as it needs device memory.
type Workload struct {
	Dir     string // folder of the model
	Options model.LoadOptions
	// Needs returns what each part of the work needs; the parts follow each other. Only a workload
	// that trains depends on recompute and tokenBudget.
	Needs func(recompute bool, tokenBudget int) []model.Needs
	// Trains tells whether recomputing activations or a smaller token budget can save memory.
	Trains      bool
	Recompute   *bool // api.Training.Recompute
	TokenBudget int
	FixedBudget bool // another token budget would change the result
}

// CheckMemory estimates a workload, emits the estimate, and refuses what exceeds the limit with
// fault.TooLarge. It returns whether to recompute activations.
func (env *Env) CheckMemory(ctx context.Context, l api.Loading, w Workload) (recompute bool, err error) {
	e, err := env.Plan(ctx, l, w)
	if err != nil {
		return false, err
	}
	if err := env.Emit(e); err != nil {
		return false, err
	}
	if l.MemoryLimit == nil || e.Peak <= *l.MemoryLimit {
		return e.Recompute, nil
	}
	return false, fault.New(fault.TooLarge, "the device", "memory", "%s", describe(e)).
		WithLimit("--memory %s", megabytes(*l.MemoryLimit)).
		WithRemedy("%s", env.advice(ctx, w, *l.MemoryLimit, e.Recompute))
}

// CheckInference is CheckMemory for a method that uses the model in dir without training it, with
// the adapter in that folder.
func (env *Env) CheckInference(ctx context.Context, l api.Loading, dir, adapter string, n model.Needs) error {
	if adapter != "" {
		if r := env.resident; r == nil || r.dir != dir || r.adapters[adapter] == nil {
			a, err := weights.ReadAdapter(ctx, env.Blobs, adapter)
			if err != nil {
				return err
			}
			n.Frozen = a
		}
	}
	_, err := env.CheckMemory(ctx, l, Workload{
		Dir: dir, Options: model.LoadOptions{Base: l.Base},
		Needs: func(bool, int) []model.Needs { return []model.Needs{n} },
	})
	return err
}

// Estimate estimates a workload with the given choices. What is on the device already counts as
// held, and a resident base model is not counted twice.
func (e *Engine) Estimate(ctx context.Context, w Workload, recompute bool, tokenBudget int) (api.MemoryEvent, error) {
	m, err := model.Estimate(ctx, e.GPU.Info(), e.Blobs, w.Dir, w.Options, w.Needs(recompute, tokenBudget)...)
	event := api.MemoryEvent{Event: api.EventMemory, Memory: api.Memory(m)}
	if e.resident != nil {
		event.Held = e.GPU.LiveBytes()
		if e.residentModel(w.Dir, w.Options) != nil {
			event.Base, event.Loading = 0, 0
		}
	}
	event.Peak = event.Held + model.Memory(event.Memory).Peak()
	return event, err
}

// smallBudget is the token budget that advice suggests.
const smallBudget = 1024

// advice names the first way to save memory that stays below most bytes.
func (env *Env) advice(ctx context.Context, w Workload, most int64, recompute bool) string {
	type way struct {
		base        string
		recompute   bool
		tokenBudget int
	}
	budget := w.TokenBudget
	ways := []way{{api.BaseQ8, recompute, budget}, {api.BaseQ4, recompute, budget}}
	if w.Trains {
		ways = append(ways,
			way{w.Options.Base, true, budget}, way{api.BaseQ8, true, budget}, way{api.BaseQ4, true, budget})
		if !w.FixedBudget {
			small := min(budget, smallBudget)
			ways = append(ways, way{w.Options.Base, true, small}, way{api.BaseQ4, true, small})
		}
	}
	for _, c := range ways {
		o := w
		if !w.Options.Full {
			o.Options.Base = c.base
		} else if c.base != w.Options.Base {
			continue
		}
		e, err := env.Estimate(ctx, o, c.recompute, c.tokenBudget)
		if err != nil || e.Peak > most {
			continue
		}
		var use []string
		if o.Options.Base != w.Options.Base {
			use = append(use, "base "+c.base)
		}
		if c.recompute && !recompute {
			use = append(use, "recomputed activations")
		}
		if c.tokenBudget < budget {
			use = append(use, fmt.Sprintf("a token budget of %d", c.tokenBudget))
		}
		if len(use) > 0 {
			return fmt.Sprintf("use %s, which takes %s", strings.Join(use, " and "), megabytes(e.Peak))
		}
	}
	return "use a smaller model, shorter texts or a larger limit"
}

// describe says how much memory is needed and for what.
func describe(e api.MemoryEvent) string {
	var parts []string
	for _, part := range []struct {
		name  string
		bytes int64
	}{
		{"held", e.Held}, {"base", e.Base}, {"adapter", e.Adapter}, {"optimizer", e.Optimizer},
		{"activations", e.Activations}, {"cache", e.Cache},
	} {
		if part.bytes > 0 {
			parts = append(parts, part.name+" "+megabytes(part.bytes))
		}
	}
	return fmt.Sprintf("needs %s (%s)", megabytes(e.Peak), strings.Join(parts, ", "))
}

// megabytes formats bytes in units of 10⁶.
func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}
