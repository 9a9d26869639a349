// SwiGLU (Shazeer 2020): y = silu(gate) · up, silu(g) = g / (1 + e^−g).
//
// gate, up and y are [rows, features]; rows start on a vec4. Where all inputs are 0 the output is
// 0, so padding lanes stay 0. Each invocation computes one vec4. e^−|g| cannot overflow.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= row_count(shape.rows) * ((shape.features + 3u) / 4u)) { return; }
    let g = gate[i];
    let e = exp(-min(abs(g), vec4<f32>(87.0)));
    let sigmoid = select(e, vec4<f32>(1.0), g >= vec4<f32>(0.0)) / (1.0 + e);
    y[i] = g * sigmoid * up[i];
}
