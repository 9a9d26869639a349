// Mixes the next-token distribution of a datastore into logits, before a token is drawn:
//   p(v) = (1 − λ) · softmax(z)(v) + λ · Σ_i w_i [token_i = v] / Σ_i w_i
//   w_i = e^(β·(cos_i − 1))
// z becomes log p(v) + log Σ e^z, so that a token that is no entry keeps its logit but for log(1 −
// λ), and temperature, cuts and penalties work as without.
//
// With DUAL, z is the steered z^h + s·(z^h − z^0), and both rows become the result: the mixture is
// not steered again. params is described by kernels.SampleParams.
//
// logits [1 or 2, stride] are those of the decoder: row 0 with history, row 1 without. scores
// [keys] are the cosines of the hidden state with all keys, which are in the order of their
// tokens: those of token v are offsets[v] to offsets[v+1]. There is one workgroup and one
// summation tree, so results repeat bit for bit.
//#include common
struct Shape {
    vocab: u32,
    keys: u32,
    sharpness: f32, // β
    share: f32,     // λ
//#if DUAL
    stride: u32,
//#endif
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> scores: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
//#if DUAL
@group(0) @binding(5) var<storage, read> params: array<u32>;
//#endif

const THREADS: u32 = 256u;
const LOWEST: f32 = -3.0e38;
const FLOOR: f32 = -100.0;
var<workgroup> parts: array<vec2<f32>, 256>;

fn weight(i: u32) -> f32 { return exp(shape.sharpness * (min(scores[i], 1.0) - 1.0)); }

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32) {
//#if DUAL
    // Each invocation reads only the logits that it writes.
    for (var v = t; v < shape.vocab; v += THREADS) {
        logits[v] += bitcast<f32>(params[4]) * (logits[v] - logits[shape.stride + v]);
    }
//#endif
    var peak = LOWEST;
    for (var v = t; v < shape.vocab; v += THREADS) { peak = max(peak, logits[v]); }
    parts[t] = vec2<f32>(peak, 0.0);
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (t < half) { parts[t].x = max(parts[t].x, parts[t + half].x); }
        workgroupBarrier();
    }
    peak = parts[0].x;
    workgroupBarrier();
    var sum = vec2<f32>(0.0);
    for (var v = t; v < shape.vocab; v += THREADS) { sum.x += exp(max(logits[v] - peak, FLOOR)); }
    for (var i = t; i < shape.keys; i += THREADS) { sum.y += weight(i); }
    parts[t] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (t < half) { parts[t] += parts[t + half]; }
        workgroupBarrier();
    }
    let total = peak + log(parts[0].x);
    let scale = shape.share / parts[0].y;
    for (var v = t; v < shape.vocab; v += THREADS) {
        let z = logits[v];
        var mass = 0.0;
        for (var i = offsets[v]; i < offsets[v + 1u]; i++) { mass += weight(i); }
        var l = z + log(1.0 - shape.share);
        if (mass > 0.0) {
            l = total + log((1.0 - shape.share) * exp(max(z - total, FLOOR)) + scale * mass);
        }
        logits[v] = l;
//#if DUAL
        logits[shape.stride + v] = l;
//#endif
    }
}
