// Rows by index: y[i] = x[index[i]], or with SCATTER y[index[i]] = x[i].
//
// x and y have rows of features values; index is [rows] u32. The indices of a scatter are distinct,
// so no two invocations write the same row. Each invocation copies one vec4; rows start on a vec4.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let lanes = (shape.features + 3u) / 4u;
    if (i >= row_count(shape.rows) * lanes) { return; }
    let row = i / lanes;
    let other = index[row] * lanes + (i - row * lanes);
//#if SCATTER
    y[other] = x[i];
//#else
    y[i] = x[other];
//#endif
}
