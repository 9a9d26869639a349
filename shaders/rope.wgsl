// Rotary position embedding, in place, of x [rows, heads, head_dim]:
//   x[i], x[i+half] = x[i]·cos − x[i+half]·sin, x[i+half]·cos + x[i]·sin
// for i < half = head_dim/2. cos and sin come from row positions[row] of table [positions,
// head_dim] (half cosines, then half sines). sign −1 rotates back. Source: RoFormer (Su et al.
// 2021), with the pairs of Hugging Face's rotate_half.
//
// Each invocation rotates place i of all heads of a row, so that the table is read once. VEC4
// rotates four places at once.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    heads: u32,
    half: u32,      // in elements
    sign: f32,
}
//#if VEC4
alias Element = vec4<f32>;
//#else
alias Element = f32;
//#endif
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<Element>;
@group(0) @binding(4) var<storage, read_write> x: array<Element>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let item = id.x + id.y * groups.x * 64u;
    let half = shape.half;
    let row = item / half;
    let i = item % half;
    if (row >= row_count(shape.rows)) { return; }
    let angle = positions[row] * 2u * half + i;
    let c = table[angle];
    let s = table[angle + half] * shape.sign;
    for (var h = 0u; h < shape.heads; h = h + 1u) {
        let at = (row * shape.heads + h) * 2u * half + i;
        let a = x[at];
        let b = x[at + half];
        x[at] = a * c - b * s;
        x[at + half] = b * c + a * s;
    }
}
