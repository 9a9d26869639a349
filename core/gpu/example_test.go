package gpu_test

import (
	"context"
	"fmt"

	"nextquill/core/gpu"
)

// double is a kernel that doubles n values, 64 in a workgroup.
var double = &gpu.Program{
	Name: "double",
	Args: []gpu.Access{gpu.WriteStorage},
	Source: func() (string, error) {
		return `
struct Shape { n: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < shape.n) { x[id.x] = 2.0 * x[id.x]; }
}
`, nil
	},
}

// A plan is recorded and compiled once and can run many times. Dry runs nothing, but it shows how
// much memory the plan takes and what it costs.
func ExamplePlan() {
	limits := gpu.Info{
		MaxStorageBuffers: gpu.RequiredStorageBuffers,
		MaxBindingSize:    gpu.RequiredBindingSize, MaxBufferSize: gpu.RequiredBufferSize,
	}
	g := gpu.NewContext(gpu.Dry{Limits: limits})
	const n = 1000
	b := g.NewBuffer("values", 4*n, gpu.Storage)
	values := gpu.Persistent("values", b, 0, 4*n)
	plan := g.NewPlan("double and copy")
	plan.Add(gpu.Dispatch{
		Program: double, Shape: gpu.Shape{n}, Args: []*gpu.Tensor{values},
		Groups: func(*gpu.Replay) [3]uint32 { return [3]uint32{(n + 63) / 64, 1, 1} },
		Flops:  func(*gpu.Replay) float64 { return n },
	})
	plan.Copy(plan.Temp("copy", 4*n), values, 4*n)
	if err := plan.Compile(); err != nil {
		fmt.Println(err)
		return
	}
	var r gpu.Replay
	fmt.Println(plan.Run(context.Background(), &r, nil), plan.Flops(&r), "flops,", plan.ScratchBytes(),
		"bytes of scratch memory")
	plan.Free()
	leaked, err := g.Close()
	fmt.Println("not freed:", leaked, err)
	// Output:
	// <nil> 1000 flops, 4000 bytes of scratch memory
	// not freed: [values] <nil>
}
