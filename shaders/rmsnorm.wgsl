// RMSNorm (Zhang & Sennrich 2019): y = x · rstd · gain, rstd = 1/√(mean(x²) + eps).
//
// x and y are [rows, features], gain is [features]; rstd [rows] is kept for the gradient. Padding
// lanes of a row are 0 in x and gain, and become 0 in y; the mean is over features values. Without
// WORKGROUP each invocation owns a row: the form for CPU devices. With WORKGROUP a workgroup shares
// a row, so that neighbours read neighbouring vec4s: the form for GPUs.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    eps: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;

fn sum4(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }

//#if WORKGROUP
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
    let row = group.x + group.y * groups.x;
    let lanes = (shape.features + 3u) / 4u;
    // Workgroups beyond the last row compute row 0 and write nothing: all invocations of a
    // workgroup must reach the barriers.
    let live = row < row_count(shape.rows);
    let base = select(0u, row, live) * lanes;
    var squares = vec4<f32>(0.0);
    for (var i = t; i < lanes; i += 64u) {
        let v = x[base + i];
        squares += v * v;
    }
    partial[t] = sum4(squares);
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if (t < half) { partial[t] += partial[t + half]; }
        workgroupBarrier();
    }
    let scale = 1.0 / sqrt(partial[0] / f32(shape.features) + shape.eps);
    if (!live) { return; }
    for (var i = t; i < lanes; i += 64u) {
        y[base + i] = x[base + i] * scale * gain[i];
    }
    if (t == 0u) { rstd[row] = scale; }
}
//#else
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= row_count(shape.rows)) { return; }
    let lanes = (shape.features + 3u) / 4u;
    let base = row * lanes;
    var squares = vec4<f32>(0.0);
    for (var i = 0u; i < lanes; i++) {
        let v = x[base + i];
        squares += v * v;
    }
    let scale = 1.0 / sqrt(sum4(squares) / f32(shape.features) + shape.eps);
    for (var i = 0u; i < lanes; i++) {
        y[base + i] = x[base + i] * scale * gain[i];
    }
    rstd[row] = scale;
}
//#endif
