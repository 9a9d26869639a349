// The weights of the tokens that a decoder has written so far, for datastore_mix.wgsl:
//   weights[j] = e^(β·(cos_j − 1) + g) for j < dyn.slot
// where cos_j is the cosine of the present state and the state before token j. The present state
// becomes row dyn.slot of states, for the next tokens.
//
// query [stride] and states [slots, stride] have length 1. There is one workgroup.
//#include common
struct Shape {
    vecs: u32,      // row stride / 4
    sharpness: f32, // β
    boost: f32,     // g
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> states: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

const THREADS: u32 = 64u;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) t: u32) {
    for (var j = t; j < dyn.slot; j += THREADS) {
        var dots = vec4<f32>(0.0);
        for (var i = 0u; i < shape.vecs; i++) { dots += query[i] * states[j * shape.vecs + i]; }
        let cosine = min((dots.x + dots.y) + (dots.z + dots.w), 1.0);
        weights[j] = exp(shape.sharpness * (cosine - 1.0) + shape.boost);
    }
    for (var i = t; i < shape.vecs; i += THREADS) { states[dyn.slot * shape.vecs + i] = query[i]; }
}
