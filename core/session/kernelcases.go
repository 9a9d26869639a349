package session

import (
	"context"
	"encoding/json"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/kernels/kerneltest"
	"nextquill/core/regex"
)

func init() { Register("kernel-cases", kernelCases) }

func kernelCases(ctx context.Context, env *Env, params json.RawMessage) (any, error) {
	var p api.KernelCasesParams
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
	var sum api.KernelCasesResult
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
func kernelCase(ctx context.Context, env *Env, spec kerneltest.CaseSpec) (e api.KernelCaseEvent, err error) {
	e.Event = "kernel-case"
	start := env.Now()
	err = Guard(spec.String(), func() (err error) {
		r, err := kerneltest.RunCase(ctx, env.GPU, spec)
		e.Error, e.Message = r.Error, r.Message
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
