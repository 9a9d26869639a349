// Forward pass of the fused head: folds the logits of vocabulary columns c0 to c0+cols into the
// statistics that the objective needs for each response token. The logits of the complete
// vocabulary never exist at once (online softmax, Milakov & Gimelshein 2018).
//
// z is [rows, stride]: row r has the logits with history; with DUAL, row r+R has those of the same
// token without. targets is [R] u32. state is [R, 16]:
//   0,1 maximum and Σ e^(z−maximum) of z^h   2,3 of z^0   4,5 of z^h − z^0
//   6 z^h[y]   7 z^0[y]   8..15 unused
// Columns come in the order of the vocabulary and are folded in a fixed order.
//
// Without WORKGROUP each invocation owns a token and folds 16 columns at a time: one rescaling for
// 16 exponentials, and every logit is loaded once (for CPU devices, where loads cost most). With
// WORKGROUP a workgroup shares a token (for GPUs).
//#include common
struct Shape {
    c0: u32,
    cols: u32,
    vecs: u32,      // row stride / 4
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> state: array<vec4<f32>>;

const LOWEST: f32 = -3.0e38;
// e^−100 is 0 in f32. exp of a much smaller argument is not reliable on all devices.
const FLOOR: f32 = -100.0;

// A running log-sum-exp: peak + log(Σ sum).
struct Lse {
    peak: f32,
    sum: vec4<f32>,
}

fn max4(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn sum4(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }

fn fold4(s: Lse, v: vec4<f32>) -> Lse {
    let peak = max(s.peak, max4(v));
    return Lse(peak, s.sum * exp(max(s.peak - peak, FLOOR)) + exp(max(v - peak, vec4<f32>(FLOOR))));
}

fn masked(v: vec4<f32>, vec: u32) -> vec4<f32> {
    let column = vec4<u32>(0u, 1u, 2u, 3u) + 4u * vec;
    return select(vec4<f32>(LOWEST), v, column < vec4<u32>(shape.cols));
}

fn pick(row: u32, column: u32) -> f32 {
    let v = z[row * shape.vecs + column / 4u];
    let lane = column % 4u;
    return select(select(v.x, v.y, lane == 1u), select(v.z, v.w, lane == 3u), lane >= 2u);
}

fn store(r: u32, h: Lse, o: Lse, d: Lse) {
    var label = state[r * 4u + 1u].zw;
    // Unsigned: a target below c0 wraps to a large column.
    let column = targets[r] - shape.c0;
    if (column < shape.cols) {
        label.x = pick(r, column);
//#if DUAL
        label.y = pick(r + dyn.responses, column);
//#endif
    }
    state[r * 4u] = vec4<f32>(h.peak, sum4(h.sum), o.peak, sum4(o.sum));
    state[r * 4u + 1u] = vec4<f32>(d.peak, sum4(d.sum), label.x, label.y);
}

fn resume(peak: f32, sum: f32) -> Lse { return Lse(peak, vec4<f32>(sum, 0.0, 0.0, 0.0)); }

//#if WORKGROUP
const THREADS: u32 = 64u;
var<workgroup> peaks: array<vec4<f32>, 64>;
var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
    let row = group.x + group.y * groups.x;
    let live = row < dyn.responses;
    let r = select(0u, row, live);
    var h = Lse(LOWEST, vec4<f32>(0.0));
    var o = h;
    var d = h;
    if (t == 0u) {
        let s = state[r * 4u];
        let m = state[r * 4u + 1u];
        h = resume(s.x, s.y);
        o = resume(s.z, s.w);
        d = resume(m.x, m.y);
    }
    let used = (shape.cols + 3u) / 4u;
    for (var i = t; i < used; i += THREADS) {
        let a = z[r * shape.vecs + i];
        h = fold4(h, masked(a, i));
//#if DUAL
        let b = z[(r + dyn.responses) * shape.vecs + i];
        o = fold4(o, masked(b, i));
        d = fold4(d, masked(a - b, i));
//#endif
    }
    peaks[t] = vec4<f32>(h.peak, o.peak, d.peak, 0.0);
    sums[t] = vec4<f32>(sum4(h.sum), sum4(o.sum), sum4(d.sum), 0.0);
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (t < half) {
            let peak = max(peaks[t], peaks[t + half]);
            sums[t] = sums[t] * exp(max(peaks[t] - peak, vec4<f32>(FLOOR)))
                + sums[t + half] * exp(max(peaks[t + half] - peak, vec4<f32>(FLOOR)));
            peaks[t] = peak;
        }
        workgroupBarrier();
    }
    if (live && t == 0u) {
        let p = peaks[0];
        let s = sums[0];
        store(r, resume(p.x, s.x), resume(p.y, s.y), resume(p.z, s.z));
    }
}
//#else
fn fold16(s: Lse, v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>) -> Lse {
    let peak = max(s.peak, max4(max(max(v0, v1), max(v2, v3))));
    let sum = (exp(v0 - peak) + exp(v1 - peak)) + (exp(v2 - peak) + exp(v3 - peak));
    return Lse(peak, s.sum * exp(max(s.peak - peak, FLOOR)) + sum);
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 16u;
    if (r >= dyn.responses) { return; }
    let s = state[r * 4u];
    let m = state[r * 4u + 1u];
    var h = resume(s.x, s.y);
    var o = resume(s.z, s.w);
    var d = resume(m.x, m.y);
    let first = r * shape.vecs;
    let second = (r + dyn.responses) * shape.vecs;
    var i = 0u;
    for (; i + 4u <= shape.cols / 4u; i += 4u) {
        let a0 = z[first + i];
        let a1 = z[first + i + 1u];
        let a2 = z[first + i + 2u];
        let a3 = z[first + i + 3u];
        h = fold16(h, a0, a1, a2, a3);
//#if DUAL
        let b0 = z[second + i];
        let b1 = z[second + i + 1u];
        let b2 = z[second + i + 2u];
        let b3 = z[second + i + 3u];
        o = fold16(o, b0, b1, b2, b3);
        d = fold16(d, a0 - b0, a1 - b1, a2 - b2, a3 - b3);
//#endif
    }
    for (; i * 4u < shape.cols; i++) {
        let a = z[first + i];
        h = fold4(h, masked(a, i));
//#if DUAL
        let b = z[second + i];
        o = fold4(o, masked(b, i));
        d = fold4(d, masked(a - b, i));
//#endif
    }
    store(r, h, o, d);
}
//#endif
