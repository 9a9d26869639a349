// Adds the text itself to the sums of datastore_reduce.wgsl: for response token r, the entries are
// the response tokens before it in its sample, with the weights
//   w_j = e^(β·(cos_j − 1) + g)              cos_j: cosine of the states before tokens r and j
// state [R] (vec2) becomes state + (Σ w_j [y_j = y_r], Σ w_j).
//
// queries [R, stride] are hidden states of length 1. targets [R] u32 are the tokens, starts [R] u32
// the first response token of the sample of each. A workgroup shares a token: invocation t takes
// the entries t, t+64, …; the parts are added in a fixed order.
//#include common
struct Shape {
    vecs: u32,      // row stride / 4
    sharpness: f32, // β
    boost: f32,     // g
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> state: array<vec2<f32>>;

const THREADS: u32 = 64u;
var<workgroup> parts: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) t: u32) {
    let row = group.x + group.y * groups.x;
    let live = row < dyn.responses;
    let r = select(0u, row, live);
    var sum = vec2<f32>(0.0);
    let label = targets[r];
    for (var j = starts[r] + t; j < r; j += THREADS) {
        var dots = vec4<f32>(0.0);
        for (var i = 0u; i < shape.vecs; i++) {
            dots += queries[r * shape.vecs + i] * queries[j * shape.vecs + i];
        }
        let cosine = min((dots.x + dots.y) + (dots.z + dots.w), 1.0);
        let w = exp(shape.sharpness * (cosine - 1.0) + shape.boost);
        sum += vec2<f32>(select(0.0, w, targets[j] == label), w);
    }
    parts[t] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (t < half) { parts[t] += parts[t + half]; }
        workgroupBarrier();
    }
    if (live && t == 0u) { state[r] += parts[0]; }
}
