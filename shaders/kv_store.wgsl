// cache[slots[i]] = x[i]: writes the rows of a tensor [rows, features] to slots of a key or value
// cache. Each invocation copies one vec4.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    vecs: u32,      // features / 4
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> slots: array<u32>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> cache: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= row_count(shape.rows) * shape.vecs) { return; }
    cache[slots[i / shape.vecs] * shape.vecs + i % shape.vecs] = x[i];
}
