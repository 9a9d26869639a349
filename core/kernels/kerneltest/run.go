package kerneltest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"nextquill/core/gpu"
)

// CaseResult is the deviation of a kernel from its reference.
type CaseResult struct {
	Case string `json:"case"`
	// Error is the largest |got−want| / (1+|want|), divided by the tolerance. A case passes at 1 or
	// less.
	Error float64 `json:"error"`
	// Message says what is wrong. It is empty if the case passed.
	Message string `json:"message,omitempty"`
}

// RunCase runs one case on ctx's device.
func RunCase(ctx context.Context, g *gpu.Context, spec CaseSpec) (res CaseResult, err error) {
	res.Case = spec.String()
	seed := fnv.New64a()
	seed.Write([]byte(res.Case))
	rng := rand.New(rand.NewPCG(seed.Sum64(), 1))
	c := &Case{Spec: spec, Info: g.Info(), ctx: g, plan: g.NewPlan("case"), rng: rng}
	defer func() {
		c.plan.Free()
		for _, b := range c.bufs {
			g.Free(b)
		}
		if ferr := g.Flush(); err == nil {
			err = ferr
		}
	}()
	run := runners[spec.Kernel]
	if run == nil {
		return res, fmt.Errorf("no kernel %q", spec.Kernel)
	}
	run(c)
	if err := c.plan.Compile(); err != nil {
		return res, err
	}
	if err := c.plan.Run(ctx, c.Dyn.Replay(), nil); err != nil {
		return res, err
	}
	if len(c.expect) == 0 {
		res.Message = "the case compares nothing"
	}
	for _, e := range c.expect {
		b, off := e.t.GPU.Handle()
		got, err := g.ReadF32(ctx, b, int(off), len(e.t.Host))
		if err != nil {
			return res, err
		}
		c.compare(&res, e, got)
	}
	return res, nil
}

func (c *Case) compare(res *CaseResult, e expectation, got []float32) {
	for i, want := range e.t.Host {
		if e.bits {
			if g, w := math.Float32bits(got[i]), math.Float32bits(want); g != w {
				res.Message, res.Error = fmt.Sprintf("%s[%d] = %#x, want %#x", e.t.GPU.Name, i, g, w), 2
				return
			}
			continue
		}
		diff := math.Abs(float64(got[i]) - float64(want))
		if got[i] == want {
			continue
		}
		rel := diff / (1 + math.Abs(float64(want)))
		if rel <= e.tolerance {
			if e.tolerance > 0 {
				res.Error = max(res.Error, rel/e.tolerance)
			}
			continue
		}
		if res.Message == "" {
			res.Message = fmt.Sprintf("%s[%d] = %g, want %g (tolerance %g)", e.t.GPU.Name, i, got[i], want, e.tolerance)
		}
		res.Error = max(res.Error, 2)
	}
}
