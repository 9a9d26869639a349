// Gradient of RMSNorm with respect to its gain: dgain += Σ_rows dy · x · rstd, or dgain = … when
// accumulate is 0.
//
// x and dy are [rows, heads·features], rstd is [rows, heads], dgain is [heads, features]. heads is
// 1 where the norm covers a complete row; the rows then start on a vec4. Each invocation owns one
// vec4 of the features of a head and adds the rows in order, so that sums repeat bit for bit. rows
// is at most 65,535 (a limit of Mesa's CPU driver). Only full fine-tuning runs this kernel.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    heads: u32,
    accumulate: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dgain: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let lanes = (shape.features + 3u) / 4u;
    let width = lanes * shape.heads;
    if (id.x >= width) { return; }
    let head = id.x / lanes;
    let rows = row_count(shape.rows);
    var sum = vec4<f32>(0.0);
    for (var row = 0u; row < rows; row++) {
        let at = row * width + id.x;
        sum += dy[at] * x[at] * rstd[row * shape.heads + head];
    }
    if (shape.accumulate != 0u) {
        sum += dgain[id.x];
    }
    dgain[id.x] = sum;
}
