// Converts a matrix in any weight format to f32: out is [rows, 4·vecs]. weights.wgsl declares
// binding 3. Each invocation writes four values.
//#include common
//#let t 0
//#include weights
struct Shape {
    rows: u32,
    vecs: u32,      // values per row / 4
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.rows * shape.vecs) { return; }
    let k = i % shape.vecs;
    let base = row_start0(i / shape.vecs, shape.vecs);
    out[i] = weights0(base, k, scales0(base, k / SPAN0));
}
