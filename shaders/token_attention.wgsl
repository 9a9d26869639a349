// Attention of a decoded token, for one query in each of few rows: the norm on each head (with
// NORM, as in rmsnorm.wgsl), the rotary embedding (rope.wgsl), storing the new key and value in the
// cache, and out = Σ_j exp(s[j] − lse) v[j], with s and lse as in attention_forward.wgsl. Source:
// Flash-Decoding (Dao et al. 2023), with both phases in one dispatch.
//
// qkv is [rows, heads + 2·kv_heads, DIM]; table is that of rope.wgsl; keys and values are [slots,
// kv_heads, DIM]. words holds for each row the ranges of slots that it attends to (at 4·row), its
// position (at 64 + row) and the slot of the new key (at 128 + row), the last of the ranges. gains
// is [DIM] for queries and for keys, the second at gain_k. out is [rows, heads, DIM].
//
// Each workgroup computes one row and HEADS query heads of one key head. All of them turn the new
// key for themselves, so that none reads the slot that the first of them writes. LANES invocations
// divide the earlier keys among them, each with its own online softmax. Then they scale their sums
// to the common maximum and add them and the new value, CHUNK vec4s at a time, in a fixed order.
//#include common
struct Shape {
    heads: u32,
    kv_heads: u32,
    scale2: f32,    // 1/√DIM · log2(e)
    eps: f32,
    gain_k: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> qkv: array<f32>;
@group(0) @binding(3) var<storage, read> words: array<u32>;
@group(0) @binding(4) var<storage, read> table: array<f32>;
@group(0) @binding(5) var<storage, read_write> keys: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;
//#if NORM
@group(0) @binding(8) var<storage, read> gains: array<f32>;
//#endif

//#let DIM VECS*4
const MASKED: f32 = -1e30;
const LANES: u32 = {LANES}u;
const DIM: u32 = {DIM}u;
const HALF: u32 = {DIM/2}u;

// The query heads, then the new key and the new value.
var<workgroup> own: array<f32, {(HEADS+2)*DIM}>;
var<workgroup> softmax: array<vec2<f32>, {LANES*HEADS}>;
var<workgroup> new_score: array<f32, {HEADS}>;
var<workgroup> parts: array<vec4<f32>, {LANES*CHUNK}>;

fn own4(at: u32) -> vec4<f32> { return vec4<f32>(own[at], own[at + 1u], own[at + 2u], own[at + 3u]); }

@compute @workgroup_size({LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let slices = shape.heads / {HEADS}u;
    let row = group.x / slices;
    let head = group.x % slices * {HEADS}u;
    let shared_by = shape.heads / shape.kv_heads;
    let kv = head / shared_by;
    let first = row * (shape.heads + 2u * shape.kv_heads);
    let slot = words[128u + row];

    let angle = words[64u + row] * DIM;
    for (var n = lane; n < {HEADS+1}u * HALF; n += LANES) {
        let h = n / HALF;
        let i = n % HALF;
        let start = (first + select(head + h, shape.heads + kv, h == {HEADS}u)) * DIM;
        var a = qkv[start + i];
        var b = qkv[start + i + HALF];
//#if NORM
        var sum = 0.0;
        for (var d = 0u; d < DIM; d++) { sum += qkv[start + d] * qkv[start + d]; }
        let rstd = 1.0 / sqrt(sum / f32(DIM) + shape.eps);
        let gain = select(0u, shape.gain_k, h == {HEADS}u) + i;
        a = a * rstd * gains[gain];
        b = b * rstd * gains[gain + HALF];
//#endif
        let c = table[angle + i];
        let s = table[angle + HALF + i];
        own[h * DIM + i] = a * c - b * s;
        own[h * DIM + i + HALF] = b * c + a * s;
    }
    for (var n = lane; n < DIM; n += LANES) {
        own[{(HEADS+1)*DIM}u + n] = qkv[(first + shape.heads + shape.kv_heads + kv) * DIM + n];
    }
    workgroupBarrier();
    if (head % shared_by == 0u) {
        for (var c = lane; c < {VECS}u; c += LANES) {
            let at = (slot * shape.kv_heads + kv) * {VECS}u + c;
            keys[at] = own4({HEADS*DIM}u + c * 4u);
            values[at] = own4({(HEADS+1)*DIM}u + c * 4u);
        }
    }

    // The score of the new key.
    for (var h = lane; h < {HEADS}u; h += LANES) {
        var s = 0.0;
        for (var d = 0u; d < DIM; d++) { s += own[h * DIM + d] * own[{HEADS*DIM}u + d]; }
        new_score[h] = s * shape.scale2;
    }

//#for h HEADS
    var m{h} = MASKED;
    var l{h} = 0.0;
//#for c VECS
    var o{h}_{c} = vec4<f32>(0.0);
//#if SHARED
    let q{h}_{c} = own4({h*DIM+c*4}u) * shape.scale2;
//#else
    var q{h}_{c} = vec4<f32>(0.0);
//#endif
//#endfor
//#endfor
//#if SHARED == 0
    // A loop with selects moves the queries to registers. Unrolled loads compile slowly on CPU
    // devices.
    for (var n = 0u; n < {HEADS*VECS}u; n++) {
        let x = own4(n * 4u) * shape.scale2;
//#for h HEADS
//#for c VECS
        q{h}_{c} = select(q{h}_{c}, x, n == {h*VECS+c}u);
//#endfor
//#endfor
    }
//#endif
    let range = vec4<u32>(words[row * 4u], words[row * 4u + 1u], words[row * 4u + 2u], words[row * 4u + 3u]);
    let before = range.y - range.x;
    let count = before + range.w - range.z - 1u;
    for (var n = lane; n < count; n += LANES) {
        let j = select(range.z + n - before, range.x + n, n < before);
        let key = (j * shape.kv_heads + kv) * {VECS}u;
//#for h HEADS
        var s{h} = 0.0;
//#endfor
//#for c VECS
        let k{c} = keys[key + {c}u];
//#for h HEADS
        s{h} = s{h} + dot(q{h}_{c}, k{c});
//#endfor
//#endfor
//#for h HEADS
        let up{h} = s{h} > m{h};
        let e{h} = exp2(-abs(s{h} - m{h}));
        let fix{h} = select(1.0, e{h}, up{h});
        let p{h} = select(e{h}, 1.0, up{h});
        m{h} = max(m{h}, s{h});
        l{h} = l{h} * fix{h} + p{h};
//#endfor
//#for c VECS
        let v{c} = values[key + {c}u];
//#for h HEADS
        o{h}_{c} = o{h}_{c} * fix{h} + v{c} * p{h};
//#endfor
//#endfor
    }

//#for h HEADS
    softmax[{h}u * LANES + lane] = vec2<f32>(m{h}, l{h});
//#endfor
    workgroupBarrier();
    // A loop, not unrolled text: CPU devices save all registers at each barrier in the text.
    for (var turn = 0u; turn < {HEADS*VECS/CHUNK}u; turn++) {
        let h = turn / {VECS/CHUNK}u;
        var top = new_score[h];
        for (var n = 0u; n < LANES; n++) { top = max(top, softmax[h * LANES + n].x); }
        let new_weight = exp2(new_score[h] - top);
        var sum = new_weight;
        for (var n = 0u; n < LANES; n++) {
            let x = softmax[h * LANES + n];
            sum += x.y * exp2(x.x - top);
        }
        let share = exp2(softmax[h * LANES + lane].x - top) / sum;
//#for c CHUNK
        var x{c} = o0_{c};
//#for h HEADS
//#for d VECS/CHUNK
        x{c} = select(x{c}, o{h}_{d*CHUNK+c}, turn == {h*VECS/CHUNK+d}u);
//#endfor
//#endfor
        parts[lane * {CHUNK}u + {c}u] = x{c} * share;
//#endfor
        workgroupBarrier();
        if (lane < {CHUNK}u) {
            let at = turn % {VECS/CHUNK}u * {CHUNK}u + lane;
            var x = own4({(HEADS+1)*DIM}u + at * 4u) * (new_weight / sum);
            for (var n = 0u; n < LANES; n++) { x += parts[n * {CHUNK}u + lane]; }
            out[(row * shape.heads + head) * {VECS}u + turn * {CHUNK}u + lane] = x;
        }
        workgroupBarrier();
    }
}
