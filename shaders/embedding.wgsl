// Token embedding: out[r] = table[ids[r]].
//
// ids is [rows] u32; table is in any weight format (weights.wgsl declares binding 3); out is [rows,
// features]. An id beyond the vocabulary reads the last row: the host validates ids, the shader
// only stays in bounds. A table that is split by rows takes one dispatch for each part, which
// writes the rows whose ids are first to first+count−1. Rows start on a vec4 (kernels.RowStride).
// Each invocation copies one vec4; neighbouring invocations copy neighbouring vec4s. One variant is
// enough: loads limit the copy on a CPU device, bandwidth on a GPU.
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
    // Unsigned: an id below first wraps to a large number.
    let token = min(ids[row], shape.vocab - 1u) - shape.first;
    if (token >= shape.count) { return; }
    let base = row_start0(token, lanes);
    let k = i - row * lanes;
    out[i] = weights0(base, k, scales0(base, k / SPAN0));
}
