// z = x + y for tensors [rows, features]: the residual connection. Each invocation adds one vec4;
// features is a multiple of 4.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> z: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= row_count(shape.rows) * shape.features / 4u) { return; }
    z[i] = x[i] + y[i];
}
