// sums += Σ_rows x: the gradient of a bias, or the last step of a reduction in parts. x is [rows,
// features], sums is [features].
//
// Each invocation owns one vec4 of features and adds the rows in order, so that sums repeat bit for
// bit. rows is at most 65,535 (a limit of Mesa's CPU driver); features is a multiple of 4. Only
// full fine-tuning runs this kernel.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let lanes = shape.features / 4u;
    if (id.x >= lanes) { return; }
    let rows = row_count(shape.rows);
    var sum = vec4<f32>(0.0);
    for (var row = 0u; row < rows; row++) {
        sum += x[row * lanes + id.x];
    }
    sums[id.x] = sums[id.x] + sum;
}
