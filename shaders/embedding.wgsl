// Token embedding: out[r] = table[ids[r]].
//
// ids [rows] u32, table [vocab, features], out [rows, features]. An id past the
// vocabulary reads its last row: the host checks ids, the shader only stays inside.
// One invocation copies one vec4 (SCALAR: one f32, for features that are no
// multiple of 4), neighbours along a row. One variant: the copy is bound by loads
// on a CPU adapter and by bandwidth on a GPU.
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    vocab: u32,
}
//#if SCALAR
alias Lane = f32;
const WIDTH: u32 = 1u;
//#else
alias Lane = vec4<f32>;
const WIDTH: u32 = 4u;
//#endif
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<Lane>;
@group(0) @binding(4) var<storage, read_write> out: array<Lane>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let lanes = shape.features / WIDTH;
    if (i >= row_count(shape.rows) * lanes) { return; }
    let row = i / lanes;
    let token = min(ids[row], shape.vocab - 1u);
    out[i] = table[token * lanes + (i - row * lanes)];
}
