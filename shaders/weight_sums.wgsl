// Sums over the response tokens of a micro-batch, written to row dyn.slot of sums [slots, 16], or
// added to it when dyn.accumulate is 1. core/kernels/loss.go describes the sums and tokens [R, 12].
//
// With ERASED the loss of L_n is (1 − β) · CE(z^h, y) + β · CE(z^0, y).
//
// There is one workgroup: invocation t adds rows t, t+64, …; then one invocation for each group of
// four sums adds the 64 parts in order. The order is fixed, so sums repeat bit for bit.
//#include common
struct Shape {
    delta: f32,
    erased: f32,    // β, with ERASED
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> tokens: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;

const THREADS: u32 = 64u;
var<workgroup> parts: array<vec4<f32>, 192>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) t: u32) {
    var a = vec4<f32>(0.0);
    var b = vec4<f32>(0.0);
    var c = vec4<f32>(0.0);
    for (var r = t; r < dyn.responses; r += THREADS) {
        let causal = tokens[r * 3u];
        let losses = tokens[r * 3u + 1u];
        let weights = tokens[r * 3u + 2u];
        var ntp = losses.x;
//#if ERASED
        ntp = (1.0 - shape.erased) * ntp - shape.erased * causal.y;
//#endif
        a += vec4<f32>(weights.x * ntp, weights.y * losses.y, weights.x, weights.y);
        b += vec4<f32>(1.0, select(0.0, 1.0, causal.z > shape.delta), causal.z, causal.w);
        c += vec4<f32>(losses.x, -causal.y, losses.y, 0.0);
    }
    parts[t] = a;
    parts[THREADS + t] = b;
    parts[2u * THREADS + t] = c;
    workgroupBarrier();
    if (t >= 4u) { return; }
    var sum = vec4<f32>(0.0);
    if (t < 3u) {
        for (var i = 0u; i < THREADS; i++) { sum += parts[t * THREADS + i]; }
    }
    let at = dyn.slot * 4u + t;
    if (dyn.accumulate != 0u) { sum += sums[at]; }
    sums[at] = sum;
}
