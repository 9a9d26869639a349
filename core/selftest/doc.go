// Package selftest implements the method "kernel-cases", which compares every kernel with its CPU
// reference on the device at hand. It brings the references with it, so the guest that ships leaves
// it to the test guest.
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
