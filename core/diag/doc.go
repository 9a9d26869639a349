// Package diag implements the methods "bench", "bench-decode", "bench-report" and "bench-curves",
// which measure training steps, writing and kernels on the current device. Programs that only train
// and write do not need them.
package diag

import (
	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/rpc"
)

// Methods returns the method of this package on an engine.
func Methods(e *engine.Engine) []rpc.Method {
	return []rpc.Method{
		e.Method(api.MethodBench, bench), e.Method(api.MethodBenchDecode, benchDecode),
		e.Method(api.MethodBenchReport, benchReport), e.Method(api.MethodBenchCurves, benchCurves),
	}
}
