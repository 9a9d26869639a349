// Package kernels has one Go file per compute kernel or group of related kernels: what it computes
// (shapes, units, source), its bindings and its workgroup counts. The WGSL is in /shaders. The CPU
// references and the test cases are in core/kernels/kerneltest.
package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
	"nextquill/shaders"
)

// program returns the shader file, expanded with values, with its bindings from 2 on.
func program(file string, values wgsl.Values, args ...gpu.Access) *gpu.Program {
	return &gpu.Program{
		Name:   file + values.Key(),
		Source: func() (string, error) { return wgsl.Expand(shaders.Text, file, values) },
		Args:   args,
	}
}
