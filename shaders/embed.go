// Package shaders carries the WGSL templates of the compute shaders. core/kernels expands them with
// core/wgsl. README.md has a row for each.
package shaders

import "embed"

//go:embed *.wgsl
var files embed.FS

// Text returns the source of a shader file by its name without ".wgsl".
func Text(name string) (string, error) {
	b, err := files.ReadFile(name + ".wgsl")
	return string(b), err
}
