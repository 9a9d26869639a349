// Gradient of RMSNorm with respect to its gain: dgain += Σ_rows dy · x · rstd.
//
// x, dy [rows, features], rstd [rows], dgain [features]. One invocation owns one
// vec4 (SCALAR: one f32) of features and walks the rows in order, so that sums
// repeat bit for bit; at most 65,535 rows (a limit of Mesa's CPU driver).
// Only full fine-tuning runs it.
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
//#if SCALAR
alias Lane = f32;
const WIDTH: u32 = 1u;
//#else
alias Lane = vec4<f32>;
const WIDTH: u32 = 4u;
//#endif
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<Lane>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<Lane>;
@group(0) @binding(5) var<storage, read_write> dgain: array<Lane>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let lanes = shape.features / WIDTH;
    if (id.x >= lanes) { return; }
    let rows = row_count(shape.rows);
    var sum = Lane(0.0);
    for (var row = 0u; row < rows; row++) {
        let at = row * lanes + id.x;
        sum += dy[at] * x[at] * rstd[row];
    }
    dgain[id.x] = dgain[id.x] + sum;
}
