package main

import (
	"context"
	"regexp"
	"slices"

	"nextquill/core/gpu"
	"nextquill/core/kernels/kerneltest"
)

// shader is one WGSL text and the kind of each binding.
type shader struct {
	name, wgsl string
	bindings   []gpu.Access
	// extensions are the names in the text's `enable` directives.
	extensions []string
}

var enable = regexp.MustCompile(`(?m)^enable ([a-z0-9_]+);`)

// recorder is a device that executes nothing and keeps the shaders of the pipelines that it is
// asked to create.
type recorder struct {
	gpu.Dry
	found *[]shader
}

// Submit implements gpu.Device.
func (r recorder) Submit(b *gpu.Batch) error {
	for _, c := range b.Commands {
		if c.Op != gpu.OpCreatePipeline {
			continue
		}
		s := shader{name: c.Name, wgsl: c.WGSL, bindings: slices.Clone(c.Bindings)}
		for _, match := range enable.FindAllStringSubmatch(c.WGSL, -1) {
			s.extensions = append(s.extensions, match[1])
		}
		*r.found = append(*r.found, s)
	}
	return nil
}

// collect records the shaders of all kernel cases on a CPU device, a GPU device, and one that has
// the optional features.
func collect(ctx context.Context) ([]shader, error) {
	cases, err := kerneltest.Cases()
	if err != nil {
		return nil, err
	}
	var found []shader
	devices := []gpu.Info{limits(true, false), limits(false, false), limits(true, true), limits(false, true)}
	for _, info := range devices {
		g := gpu.NewContext(recorder{Dry: gpu.Dry{Limits: info}, found: &found})
		for _, c := range cases {
			// The recorder reads zeros, so a case reports wrong values. That is not an error here.
			if _, err := kerneltest.RunCase(ctx, g, c); err != nil {
				return nil, err
			}
		}
		if _, err := g.Close(); err != nil {
			return nil, err
		}
	}
	return unique(found), nil
}

func unique(all []shader) []shader {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(s shader) bool {
		duplicate := seen[s.wgsl]
		seen[s.wgsl] = true
		return duplicate
	})
}

func limits(cpu, features bool) gpu.Info {
	return gpu.Info{
		Name: "recorder", CPU: cpu, MaxBufferSize: 1 << 30, MaxBindingSize: 1 << 30, MaxStorageBuffers: 10,
		MaxInvocations: gpu.RequiredInvocations, MaxWorkgroupSizeX: 256, MaxWorkgroupMemory: 32 << 10,
		MaxGroupsPerDimension: 65535, StorageOffsetAlignment: 256,
		ShaderF16: features, Subgroups: features, SubgroupMinSize: 4,
	}
}
