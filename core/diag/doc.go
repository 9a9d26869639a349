// Package diag implements the methods that examine a device: they time training steps and kernels,
// and compare every kernel with its CPU reference. A user's program does not need them.
package diag

import (
	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/rpc"
)

// Methods returns the methods of this package on an engine.
func Methods(e *engine.Engine) []rpc.Method {
	return []rpc.Method{
		e.Method(api.MethodBench, bench),
		e.Method(api.MethodKernelCases, kernelCases),
	}
}
