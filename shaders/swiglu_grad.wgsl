// Gradient of SwiGLU. With s = σ(gate): dgate = dy · up · s · (1 + gate · (1 − s)), dup = dy · gate
// · s.
//
// All tensors are [rows, features], with the layout of swiglu.wgsl. 1 − s is computed as σ(−gate),
// because the subtraction would lose its digits for large gates.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dgate: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dup: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= row_count(shape.rows) * ((shape.features + 3u) / 4u)) { return; }
    let g = gate[i];
    let d = dy[i];
    let e = exp(-min(abs(g), vec4<f32>(87.0)));
    let large = 1.0 / (1.0 + e);
    let small = e * large;
    let positive = g >= vec4<f32>(0.0);
    let s = select(small, large, positive);
    let rest = select(large, small, positive);
    dgate[i] = d * up[i] * s * (1.0 + g * rest);
    dup[i] = d * g * s;
}
