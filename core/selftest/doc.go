// Package selftest implements the method "kernel-cases", which compares every kernel with its CPU
// reference on the current device. It needs the references, which are large, so only the test guest
// contains it.
package selftest

import (
	"nextquill/core/api"
	"nextquill/core/engine"
	"nextquill/core/rpc"
)

// Methods returns the method of this package on an engine.
func Methods(e *engine.Engine) []rpc.Method {
	return []rpc.Method{e.Method(api.MethodKernelCases, kernelCases)}
}
