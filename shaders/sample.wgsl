// Draws the next token from one row of logits over the complete vocabulary.
//   l = z^h + s · (z^h − z^0)                 with DUAL: context steering by s, in logits
//   l = l / p if l > 0 else l · p             repetition penalty p, for ids with bit 0 of seen[id]
//   l = −10^30                                in slot 0, for ids with bit 1 of seen[id]
//   l = l / temperature
//   keep l ≥ the top_k-th largest l           (all equal l are kept, as in transformers)
//   keep the fewest largest l whose probability reaches top_p (all equal l are kept)
//   draw from the kept tokens; temperature 0: the largest l, the lowest id among equals
//
// The kept tokens cover [0, 1) by probability, in the order (id mod 256, id). The draw takes the
// token that covers a number hashed from dyn.seed and dyn.position.
//
// logits is [1 or 2, stride]: row 0 with history, row 1 without. params [8] is described by
// kernels.SampleParams. seen and scratch are [vocab] u32. out is [slots, 3] u32; row dyn.slot
// becomes id, log-probability of id under z^h alone (f32), and l before temperature (f32). next [1]
// u32 becomes id, for the embedding of the next step.
//
// There is no sort: a cut is the largest threshold that keeps enough tokens, found exactly, three
// of the ordered bits of f32 at a time. There is one workgroup and one summation tree, so the same
// input draws the same token.
//#include common
struct Shape {
    vocab: u32,
    stride: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> params: array<u32>;
@group(0) @binding(4) var<storage, read_write> seen: array<u32>;
@group(0) @binding(5) var<storage, read_write> scratch: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<u32>;
@group(0) @binding(7) var<storage, read_write> next: array<u32>;

const THREADS: u32 = 256u;
const LOWEST: f32 = -3.0e38;
const NEVER: f32 = -1.0e30; // a logit without probability, finite after a division
const FLOOR: f32 = -100.0;

// Partial results of the invocations, [8, THREADS].
var<workgroup> partials: array<f32, 2048>;

// pcg_hash (Jarzynski & Olano 2020).
fn pcg(v: u32) -> u32 {
    let state = v * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

// l before the temperature.
fn steered(i: u32) -> f32 {
    var l = logits[i];
//#if DUAL
    l += bitcast<f32>(params[4]) * (l - logits[shape.stride + i]);
//#endif
    if ((seen[i] & 2u) != 0u && dyn.slot == 0u) { return NEVER; }
    if ((seen[i] & 1u) != 0u) {
        let penalty = bitcast<f32>(params[3]);
        l = select(l * penalty, l / penalty, l > 0.0);
    }
    return l;
}

// Maps floats to integers of the same order. A NaN comes first; −0 and 0 have the same key.
fn key_of(l: f32) -> u32 {
    let bits = select(bitcast<u32>(l), 0u, l == 0.0);
    if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0u; }
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// value_of is the inverse of key_of.
fn value_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

fn bounded_exp(l: f32) -> f32 { return exp(clamp(l, FLOOR, 0.0)); }

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32) {
    let temperature = bitcast<f32>(params[0]);
    let top_k = params[1];
    let top_p = bitcast<f32>(params[2]);
    let greedy = temperature <= 0.0;
    let divisor = select(temperature, 1.0, greedy);

    // The largest l and its id, and the largest z^h.
    var best = vec3<f32>(LOWEST, 0.0, LOWEST);
    for (var i = t; i < shape.vocab; i += THREADS) {
        let l = steered(i) / divisor;
        scratch[i] = key_of(l);
        if (l > best.x) { best = vec3<f32>(l, f32(i), best.z); }
        best.z = max(best.z, logits[i]);
    }
    partials[t] = best.x;
    partials[THREADS + t] = best.y;
    partials[2u * THREADS + t] = best.z;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (t < half) {
            let other = vec3<f32>(partials[t + half], partials[THREADS + t + half], partials[2u * THREADS + t + half]);
            if (other.x > best.x || (other.x == best.x && other.y < best.y)) {
                best = vec3<f32>(other.xy, best.z);
            }
            best.z = max(best.z, other.z);
            partials[t] = best.x;
            partials[THREADS + t] = best.y;
            partials[2u * THREADS + t] = best.z;
        }
        workgroupBarrier();
    }
    let peak = partials[0];
    let largest = u32(partials[THREADS]);
    let peak_with = partials[2u * THREADS];
    workgroupBarrier();

    // Three searches share this code, because CPU devices compile it slowly. Search 0 runs once and
    // uses only the sum over all keys, of exp(z^h − max z^h). Search 1 finds the cut of top_k, and
    // search 2 the cut of top_p. A cut is the largest key k such that at least top_k keys are ≥ k,
    // or such that the keys ≥ k have at least the fraction top_p of the probability of the keys
    // ≥ least.
    var log_sum = 0.0;
    var least = 1u;
    for (var search = 0u; search < 3u; search++) {
        if (search == 1u && (greedy || top_k == 0u || top_k >= shape.vocab)) { continue; }
        if (search == 2u && (greedy || top_p >= 1.0)) { continue; }
        let lowest = select(least, 0u, search == 0u);
        var prefix = 0u;
        for (var shift = select(30i, 0i, search == 0u); shift >= 0i; shift -= 3i) {
            let digit = 1u << u32(shift);
            // The first digit has two bits: the thresholds 4 to 7 do not exist.
            let beyond = vec4<u32>(select(0u, 0xffffffffu, shift == 30i));
            let first = vec4<u32>(lowest, max(vec3<u32>(lowest), prefix + vec3<u32>(1u, 2u, 3u) * digit));
            let second = max(max(vec4<u32>(lowest), beyond), prefix + vec4<u32>(4u, 5u, 6u, 7u) * digit);
            var a = vec4<f32>(0.0);
            var b = vec4<f32>(0.0);
            for (var i = t; i < shape.vocab; i += THREADS) {
                let key = scratch[i];
                var w = 1.0;
                if (search != 1u) {
                    let l = select(value_of(key) - peak, logits[i] - peak_with, search == 0u);
                    w = bounded_exp(l);
                }
                a += select(vec4<f32>(0.0), vec4<f32>(w), vec4<u32>(key) >= first);
                b += select(vec4<f32>(0.0), vec4<f32>(w), vec4<u32>(key) >= second);
            }
            for (var c = 0u; c < 4u; c++) {
                partials[c * THREADS + t] = a[c];
                partials[(c + 4u) * THREADS + t] = b[c];
            }
            workgroupBarrier();
            for (var half = THREADS / 2u; half > 0u; half /= 2u) {
                if (t < half) {
                    for (var c = t; c < 8u * THREADS; c += THREADS) { partials[c] += partials[c + half]; }
                }
                workgroupBarrier();
            }
            // partials[0] is the mass of all keys ≥ lowest.
            let all = partials[0];
            let enough = select(f32(top_k), top_p * all, search == 2u);
            for (var c = 1u; c < 8u; c++) {
                let mass = partials[c * THREADS];
                if (mass >= enough && mass > 0.0) { prefix += digit; }
            }
            workgroupBarrier();
            if (search == 0u) { log_sum = log(all); }
        }
        if (search != 0u) { least = prefix; }
    }

    var chosen = largest;
    var owner = 0u;
    if (!greedy) {
        var mass = 0.0;
        for (var i = t; i < shape.vocab; i += THREADS) {
            if (scratch[i] >= least) { mass += bounded_exp(value_of(scratch[i]) - peak); }
        }
        partials[t] = mass;
        workgroupBarrier();
        if (t == 0u) {
            var total = 0.0;
            for (var j = 0u; j < THREADS; j++) { total += partials[j]; }
            let u = f32(pcg(pcg(dyn.position) ^ dyn.seed) >> 8u) * 5.9604644775390625e-8;
            let at = u * total;
            var before = 0.0;
            var found = vec2<f32>(0.0);
            for (var j = 0u; j < THREADS; j++) {
                // If rounding puts at beyond the total, the last invocation with mass is used.
                if (partials[j] > 0.0 && before <= at) { found = vec2<f32>(f32(j), at - before); }
                before += partials[j];
            }
            partials[THREADS] = found.x;
            partials[THREADS + 1u] = found.y;
        }
        workgroupBarrier();
        owner = u32(partials[THREADS]);
        if (t == owner) {
            let at = partials[THREADS + 1u];
            var reached = 0.0;
            for (var i = t; i < shape.vocab; i += THREADS) {
                if (scratch[i] < least) { continue; }
                chosen = i;
                reached += bounded_exp(value_of(scratch[i]) - peak);
                if (reached > at) { break; }
            }
        }
    }
    if (t == owner) {
        let slot = dyn.slot * 3u;
        out[slot] = chosen;
        out[slot + 1u] = bitcast<u32>(logits[chosen] - peak_with - log_sum);
        out[slot + 2u] = bitcast<u32>(steered(chosen));
        next[0] = chosen;
        seen[chosen] |= 1u;
    }
}
