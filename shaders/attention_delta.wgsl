// stats[i,h].y = Σ_d dout[i,h,d] · out[i,h,d], the D of the backward pass of FlashAttention-2 (Dao
// 2023). out and dout are [rows, heads, 4·VECS]. Each invocation computes one row and head.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    heads: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= row_count(shape.rows) * shape.heads) { return; }
    var sum = 0.0;
    //#for c VECS
    sum = sum + dot(out[i * {VECS}u + {c}u], dout[i * {VECS}u + {c}u]);
    //#endfor
    stats[i].y = sum;
}
