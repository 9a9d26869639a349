// Gradient of RMSNorm with respect to its input. With x̂ = x · rstd and g = dy · gain: dx = rstd ·
// (g − x̂ · mean(g · x̂)), or dx += … when accumulate is 1 (the residual).
//
// x, dy and dx are [rows, features], gain is [features], rstd [rows] comes from rmsnorm.wgsl.
// Padding lanes of a row are 0 in x, dy and gain, and become 0 in dx. With WORKGROUP 64 invocations
// share a row, for GPUs.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    accumulate: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;

fn put(at: u32, value: vec4<f32>) {
    if (shape.accumulate != 0u) {
        dx[at] = dx[at] + value;
    } else {
        dx[at] = value;
    }
}

fn sum4(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }

//#if WORKGROUP
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
    let row = group.x + group.y * groups.x;
    let lanes = (shape.features + 3u) / 4u;
    let live = row < row_count(shape.rows);
    let base = select(0u, row, live) * lanes;
    var dots = vec4<f32>(0.0);
    for (var i = t; i < lanes; i += 64u) {
        dots += dy[base + i] * gain[i] * x[base + i];
    }
    partial[t] = sum4(dots);
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if (t < half) { partial[t] += partial[t + half]; }
        workgroupBarrier();
    }
    if (!live) { return; }
    let scale = rstd[row];
    let mean = partial[0] * scale * scale * scale / f32(shape.features);
    for (var i = t; i < lanes; i += 64u) {
        put(base + i, dy[base + i] * gain[i] * scale - x[base + i] * mean);
    }
}
//#else
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= row_count(shape.rows)) { return; }
    let lanes = (shape.features + 3u) / 4u;
    let base = row * lanes;
    var dots = vec4<f32>(0.0);
    for (var i = 0u; i < lanes; i++) {
        dots += dy[base + i] * gain[i] * x[base + i];
    }
    let scale = rstd[row];
    let mean = sum4(dots) * scale * scale * scale / f32(shape.features);
    for (var i = 0u; i < lanes; i++) {
        put(base + i, dy[base + i] * gain[i] * scale - x[base + i] * mean);
    }
}
//#endif
