// Package shaders carries the WGSL compute shaders. core/kernels specialises
// them; see README.md for a row on each.
package shaders

import "embed"

//go:embed *.wgsl
var files embed.FS

// Text returns the source of a shader file by its name without ".wgsl". A name
// that is not there is a programming mistake and panics.
func Text(name string) string {
	b, err := files.ReadFile(name + ".wgsl")
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Names lists all shader files, without ".wgsl".
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".wgsl")])
	}
	return names
}
