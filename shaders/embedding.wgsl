// Token embedding: out[r] = table[ids[r]].
//
// ids [rows] u32, the table in any format of a frozen base (binding 3 is what weights_*.wgsl declares), out [rows,
// features]. An id past the vocabulary reads its last row: the host checks ids, the shader only stays inside. A table
// that is split by rows takes one dispatch a part: each writes the rows whose ids are first to first+count−1.
// Rows of features start on a vec4 (kernels.RowStride). One invocation copies one vec4, neighbours along a row. One
// variant: the copy is bound by loads on a CPU adapter and by bandwidth on a GPU.
//#include common
//#let t 0
//#include weights
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    vocab: u32,
    first: u32,
    count: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let lanes = (shape.features + 3u) / 4u;
    if (i >= row_count(shape.rows) * lanes) { return; }
    let row = i / lanes;
    // Unsigned: an id before the part wraps to a large one.
    let token = min(ids[row], shape.vocab - 1u) - shape.first;
    if (token >= shape.count) { return; }
    let base = row_start0(token, lanes);
    let k = i - row * lanes;
    out[i] = weights0(base, k, scales0(base, k / SPAN0));
}
