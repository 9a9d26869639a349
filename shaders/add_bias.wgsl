// y[r] += bias for every row of y [rows, features]; bias is [features]. Each invocation adds one
// vec4; features is a multiple of 4.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let lanes = shape.features / 4u;
    if (i >= row_count(shape.rows) * lanes) { return; }
    y[i] = y[i] + bias[i % lanes];
}
