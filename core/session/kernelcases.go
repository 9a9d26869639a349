package session

import (
	"context"
	"encoding/json"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/kernels/kerneltest"
	"nextquill/core/regex"
)

// KernelCasesParams are the parameters of "kernel-cases": every kernel against
// its CPU reference on this host's adapter.
type KernelCasesParams struct {
	// Filter is a regular expression on the case's name; empty takes all.
	Filter string `json:"filter,omitempty"`
}

// KernelCaseEvent reports one case.
type KernelCaseEvent struct {
	Event string `json:"event"` // "kernel-case"
	kerneltest.CaseResult
	Seconds float64 `json:"seconds"`
}

// KernelCasesResult counts the cases. Failures are no error of the call.
type KernelCasesResult struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	// LiveBuffers is what the cases left on the GPU: 0 when all is well.
	LiveBuffers int `json:"live_buffers"`
}

func init() { Register("kernel-cases", kernelCases) }

func kernelCases(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p KernelCasesParams
	if err := Decode(params, &p); err != nil {
		return nil, err
	}
	filter, err := regex.Compile(p.Filter)
	if err != nil {
		return nil, fault.New(fault.Malformed, "kernel-cases", "filter", "%s", fault.Quote(p.Filter)).WithCause(err)
	}
	cases, err := kerneltest.Cases()
	if err != nil {
		return nil, err
	}
	var sum KernelCasesResult
	for _, spec := range cases {
		if !filter.Match(spec.String()) {
			continue
		}
		if err := blob.Cancelled(ctx); err != nil {
			return nil, err
		}
		e, err := kernelCase(ctx, env, spec)
		if err != nil {
			return nil, err
		}
		if e.Message == "" {
			sum.Passed++
		} else {
			sum.Failed++
		}
		if err := env.Emit(e); err != nil {
			return nil, err
		}
	}
	sum.LiveBuffers = env.GPU.LiveBuffers()
	return sum, nil
}

// kernelCase runs one case. What goes wrong in it is its message, so that the
// others still run; only a cancelled call or a lost device ends them all.
func kernelCase(ctx context.Context, env *Env, spec kerneltest.CaseSpec) (e KernelCaseEvent, err error) {
	e.Event = "kernel-case"
	start := env.Now()
	err = Guard(spec.String(), func() (err error) {
		e.CaseResult, err = kerneltest.RunCase(ctx, env.GPU, spec)
		return err
	})
	e.Seconds = env.Now().Sub(start).Seconds()
	e.Case = spec.String()
	if err == nil {
		return e, nil
	}
	if k := fault.KindOf(err); k == fault.Cancelled || k == fault.DeviceLost || ctx.Err() != nil {
		return e, err
	}
	recoverGPU(env, err)
	e.Message = err.Error()
	return e, nil
}
