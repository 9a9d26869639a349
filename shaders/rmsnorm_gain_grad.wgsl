// Gradient of RMSNorm with respect to its gain: dgain += Σ_rows dy · x · rstd, or
// without accumulate dgain = …
//
// x, dy [rows, heads·features], rstd [rows, heads], dgain [heads, features]; heads
// is 1 where the norm covers a whole row, and its rows start on a vec4. One
// invocation owns one vec4 of a head's features and walks the rows in order, so
// that sums repeat bit for bit; at most 65,535 rows (a limit of Mesa's CPU driver).
// Only full fine-tuning runs it.
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

@compute @workgroup_size(16)
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
