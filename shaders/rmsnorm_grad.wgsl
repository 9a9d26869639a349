// Gradient of RMSNorm with respect to its input. With x̂ = x · rstd and g = dy · gain:
// dx = rstd · (g − x̂ · mean(g · x̂)), or dx += … when accumulate is 1 (the residual).
//
// x, dy, dx [rows, features], gain [features], rstd [rows] from rmsnorm.wgsl.
// Variants as there: WORKGROUP shares a row among 64 invocations, for GPUs.
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
    accumulate: u32,
}
//#if SCALAR
alias Lane = f32;
const WIDTH: u32 = 1u;
fn total(v: Lane) -> f32 { return v; }
//#else
alias Lane = vec4<f32>;
const WIDTH: u32 = 4u;
fn total(v: Lane) -> f32 { return (v.x + v.y) + (v.z + v.w); }
//#endif
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<Lane>;
@group(0) @binding(3) var<storage, read> gain: array<Lane>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<Lane>;
@group(0) @binding(6) var<storage, read_write> dx: array<Lane>;

fn put(at: u32, value: Lane) {
    if (shape.accumulate != 0u) {
        dx[at] = dx[at] + value;
    } else {
        dx[at] = value;
    }
}

//#if WORKGROUP
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
    let row = group.x + group.y * groups.x;
    let lanes = shape.features / WIDTH;
    let live = row < row_count(shape.rows);
    let base = select(0u, row, live) * lanes;
    var dots = Lane(0.0);
    for (var i = t; i < lanes; i += 64u) {
        dots += dy[base + i] * gain[i] * x[base + i];
    }
    partial[t] = total(dots);
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
    let lanes = shape.features / WIDTH;
    let base = row * lanes;
    var dots = Lane(0.0);
    for (var i = 0u; i < lanes; i++) {
        dots += dy[base + i] * gain[i] * x[base + i];
    }
    let scale = rstd[row];
    let mean = total(dots) * scale * scale * scale / f32(shape.features);
    for (var i = 0u; i < lanes; i++) {
        put(base + i, dy[base + i] * gain[i] * scale - x[base + i] * mean);
    }
}
//#endif
