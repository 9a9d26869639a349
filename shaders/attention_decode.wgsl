// Grouped-query attention for a few queries and a long cache:
//   out[i] = Σ_j exp(s[i,j] − lse[i]) v[j],  s and lse as in attention_forward.wgsl
//
// q and out are [rows, heads, 4·VECS]; k and v are [slots, kv_heads, 4·VECS]; ranges is [rows];
// stats is [rows, heads] of (lse, unused). Source: Flash-Decoding (Dao et al. 2023), with both
// phases in one dispatch.
//
// Each workgroup computes one row and HEADS query heads of one key head. Its LANES invocations
// divide the keys among them, each with its own online softmax. Then they scale their sums to the
// common maximum and add them, CHUNK vec4s at a time, in a fixed order.
//#let BACKWARD 0
//#let BY_KEY 0
//#include attention

const LANES: u32 = {LANES}u;

// Maximum and sum of each invocation, by head.
var<workgroup> softmax: array<vec2<f32>, {LANES*HEADS}>;
// The weighted values of each invocation: at most 8 KiB, half of the limit that WebGPU guarantees.
var<workgroup> values: array<vec4<f32>, {LANES*CHUNK}>;

@compute @workgroup_size({LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let slices = shape.heads / {HEADS}u;
    let row = group.x / slices;
    let head = group.x % slices * {HEADS}u;
    let kv = head / (shape.heads / shape.kv_heads);
    let at = row * shape.heads + head;
    let range = ranges[row];
    let first = range.y - range.x;
    let count = first + range.w - range.z;

    //#for h HEADS
    var m{h} = MASKED;
    var l{h} = 0.0;
    //#for c VECS
    let q{h}_{c} = q[(at + {h}u) * {VECS}u + {c}u] * shape.scale2;
    var o{h}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor
    for (var n = lane; n < count; n = n + LANES) {
        let j = select(range.z + n - first, range.x + n, n < first);
        let key = (j * shape.kv_heads + kv) * {VECS}u;
        //#for h HEADS
        var s{h} = 0.0;
        //#endfor
        //#for c VECS
        let k{c} = k[key + {c}u];
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
        let v{c} = v[key + {c}u];
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
    for (var turn = 0u; turn < {HEADS*VECS/CHUNK}u; turn = turn + 1u) {
        let h = turn / {VECS/CHUNK}u;
        var top = MASKED;
        for (var n = 0u; n < LANES; n = n + 1u) { top = max(top, softmax[h * LANES + n].x); }
        var sum = 0.0;
        for (var n = 0u; n < LANES; n = n + 1u) {
            let x = softmax[h * LANES + n];
            sum = sum + x.y * exp2(x.x - top);
        }
        if (lane == 0u) { stats[at + h].x = (top + log2(sum)) * LN2; }
        let share = exp2(softmax[h * LANES + lane].x - top) / sum;
        //#for c CHUNK
        var x{c} = o0_{c};
        //#for h HEADS
        //#for d VECS/CHUNK
        x{c} = select(x{c}, o{h}_{d*CHUNK+c}, turn == {h*VECS/CHUNK+d}u);
        //#endfor
        //#endfor
        values[lane * {CHUNK}u + {c}u] = x{c} * share;
        //#endfor
        workgroupBarrier();
        if (lane < {CHUNK}u) {
            var x = values[lane];
            for (var n = 1u; n < LANES; n = n + 1u) { x = x + values[n * {CHUNK}u + lane]; }
            out[at * {VECS}u + turn * {CHUNK}u + lane] = x;
        }
        workgroupBarrier();
    }
}
