// Converts f32 weights to a weight format (weights_*.wgsl). F16 rounds to nearest even. Q8 and Q4
// take the range of each block of 32 values of a row and round to the nearest step, halves up.
//
// values is [rows, 4·vecs] f32; out has the layout of the format for [rows, 4·vecs]. The result has
// the same bits on every device, because no decision depends on the rounding of a division: a scale
// has 11 significant bits, so the boundaries between steps, d·(q + ½), are exact, and a first guess
// of q is corrected by comparing with them. If a block has a value that is not finite, its scale
// becomes infinite and its steps 0 (F16: the value becomes an infinity); the check after loading
// finds it. Each invocation writes one block, or four values with F16.
//#include common
struct Shape {
    rows: u32,
    vecs: u32,      // values per row / 4
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

const INFINITE: u32 = 0x7f800000u;

fn broken(v: vec4<f32>) -> bool {
    return any((bitcast<vec4<u32>>(v) & vec4<u32>(INFINITE)) == vec4<u32>(INFINITE));
}

// truncated returns |v| rounded down to binary16, and 1 if that is less than |v|.
fn truncated(v: f32) -> vec2<u32> {
    let bits = bitcast<u32>(v) & 0x7fffffffu;
    if (bits >= 0x38800000u) {
        return vec2<u32>((min(bits, 0x47800000u) - 0x38000000u) >> 13u, u32((bits & 0x1fffu) != 0u));
    }
    // A subnormal is a multiple of 2⁻²⁴.
    let steps = bitcast<f32>(bits) * 16777216.0;
    return vec2<u32>(u32(floor(steps)), u32(floor(steps) != steps));
}

fn widen(half: u32) -> f32 {
    if ((half & 0x7c00u) == 0u) { return f32(half & 1023u) * 5.9604644775390625e-8; }
    return bitcast<f32>(((half & 0x7fffu) << 13u) + 0x38000000u);
}

//#if F16
fn nearest(v: f32) -> u32 {
    let bits = bitcast<u32>(v) & 0x7fffffffu;
    let sign = (bitcast<u32>(v) >> 16u) & 0x8000u;
    if (bits >= 0x38800000u) {
        return sign | ((min(bits + 0xfffu + ((bits >> 13u) & 1u), 0x47800000u) - 0x38000000u) >> 13u);
    }
    let steps = bitcast<f32>(bits) * 16777216.0;
    let low = u32(floor(steps));
    let rest = steps - floor(steps);
    return sign | (low + u32(rest > 0.5 || (rest == 0.5 && (low & 1u) == 1u)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.rows * shape.vecs) { return; }
    let v = values[i];
    out[2u * i] = nearest(v.x) | (nearest(v.y) << 16u);
    out[2u * i + 1u] = nearest(v.z) | (nearest(v.w) << 16u);
}
//#else
//#let VALUES 4+4*Q8
//#include blocks
// step returns q with q·d nearest to each of v, which are not negative; q is at most last.
fn step(v: vec4<f32>, d: f32, last: f32) -> vec4<u32> {
    if (d == 0.0) { return vec4<u32>(0u); }
    var q = floor(min(v / d + vec4<f32>(0.5), vec4<f32>(last)));
    q = select(q, q - vec4<f32>(1.0), (v < d * (q - vec4<f32>(0.5))) & (q > vec4<f32>(0.0)));
    q = select(q, q + vec4<f32>(1.0), v >= d * (q + vec4<f32>(0.5)));
    return vec4<u32>(min(q, vec4<f32>(last)));
}

fn bytes(q: vec4<u32>) -> u32 {
    let b = (q & vec4<u32>(255u)) << vec4<u32>(0u, 8u, 16u, 24u);
    return b.x | b.y | b.z | b.w;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let blocks = (shape.vecs + 7u) / 8u;
    if (i >= shape.rows * blocks) { return; }
    let row = i / blocks;
    let n = i % blocks;
    let first = row * shape.vecs + n * 8u;
    let count = min(8u, shape.vecs - n * 8u);
    let at = first_value(row, n, blocks);
    var low = values[first];
    var high = low;
    var whole = true;
    for (var k = 0u; k < count; k++) {
        let v = values[first + k];
        low = min(low, v);
        high = max(high, v);
        whole = whole && !broken(v);
    }
    let least = min(min(low.x, low.y), min(low.z, low.w));
    let most = max(max(high.x, high.y), max(high.z, high.w));
//#if Q8
    // 1/127, rounded up to 11 bits. Scales below 2⁻⁹⁶ become 0, long before f32 loses precision.
    let range = max(-least, most) * 0.007874015748031496;
    let d = select(0.0, bitcast<f32>((bitcast<u32>(range) + 0x1fffu) & 0xffffe000u), range > 1.2621774483536189e-29);
    put_scales(row, n, blocks, select(INFINITE, bitcast<u32>(d), whole));
    for (var k = 0u; k < 8u; k++) {
        var word = 0u;
        if (k < count) {
            let v = values[first + k];
            let q = step(abs(v), d, 127.0);
            word = bytes(select(q, vec4<u32>(0u) - q, v < vec4<f32>(0.0)));
        }
        out[at + k] = select(0u, word, whole);
    }
//#else
    let lowest = truncated(least);
    // Round the minimum down and the step up, so that all values are in range.
    let minimum = select(lowest.x, lowest.x + lowest.y, least < 0.0);
    let m = select(widen(minimum), -widen(minimum), least < 0.0);
    let stride = truncated((most - m) * 0.06666666666666667);
    let half = stride.x + stride.y;
    let d = widen(half);
    let scales = half | ((minimum | select(0u, 0x8000u, least < 0.0)) << 16u);
    put_scales(row, n, blocks, select(0x7c007c00u, scales, whole));
    for (var k = 0u; k < 4u; k++) {
        var q = vec4<u32>(0u);
        if (k < count) { q = step(values[first + k] - vec4<f32>(m), d, 15.0); }
        if (k + 4u < count) { q = q | (step(values[first + k + 4u] - vec4<f32>(m), d, 15.0) << vec4<u32>(4u)); }
        out[at + k] = select(0u, bytes(q), whole);
    }
//#endif
}
//#endif
