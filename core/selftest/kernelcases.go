package selftest

import (
	"context"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/kernels/kerneltest"
	"nextquill/core/regex"
	"nextquill/core/rpc"
)

// kernelCases compares kernels with their CPU references.
func kernelCases(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	var p api.KernelCasesParams
	if err := c.Decode(&p); err != nil {
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

// kernelCase runs one case. A failure becomes the message of its event, so that the other cases
// still run; only a cancelled call or a lost device ends all of them.
func kernelCase(ctx context.Context, env *engine.Env, spec kerneltest.CaseSpec) (e api.KernelCaseEvent, err error) {
	e.Event = api.EventKernelCase
	start := env.Now()
	err = rpc.Guard(spec.String(), func() error {
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
	env.Recover(err)
	e.Message = err.Error()
	return e, nil
}
