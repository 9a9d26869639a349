// attention_forward.wgsl for GPUs: keys and values pass through workgroup memory.
//
// q, out [rows, heads, 4·VECS]; k, v [keys, kv_heads, 4·VECS]; ranges [rows];
// stats [rows, heads] of (lse, –). Source: FlashAttention-2, algorithm 1 (Dao, 2023).
//
// Each of GROUP invocations holds one query row of one head: ROWS neighbouring
// rows × HEADS heads of one key head. Together they load TILE keys at a time
// over the union of their rows' ranges, then each masks by its own, four keys a
// turn so that its sums are rescaled once for four.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    heads: u32,
    kv_heads: u32,
    scale: f32,
    scale2: f32,    // scale · log2(e)
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> ranges: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec2<f32>>;

const MASKED: f32 = -1e30;
const LN2: f32 = 0.6931471805599453;

var<workgroup> seen: array<vec4<u32>, {GROUP}>;
var<workgroup> bounds: vec4<u32>;
var<workgroup> keys: array<vec4<f32>, {TILE*VECS}>;
var<workgroup> values: array<vec4<f32>, {TILE*VECS}>;

@compute @workgroup_size({GROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let item = group.x + group.y * groups.x;
    let slices = shape.heads / {HEADS}u;
    let first = item / slices * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let slice = item % slices * {HEADS}u;
    let kv = slice / (shape.heads / shape.kv_heads);
    let row = min(first + lane / {HEADS}u, rows - 1u);
    let at = row * shape.heads + slice + lane % {HEADS}u;

    let range = ranges[row];
    seen[lane] = range;
    workgroupBarrier();
    if (lane == 0u) {
        var b = vec4<u32>(0xffffffffu, 0u, 0xffffffffu, 0u);
        for (var n = 0u; n < {GROUP}u; n = n + {HEADS}u) {
            let r = seen[n];
            if (r.x < r.y) { b.x = min(b.x, r.x); b.y = max(b.y, r.y); }
            if (r.z < r.w) { b.z = min(b.z, r.z); b.w = max(b.w, r.w); }
        }
        bounds = b;
    }
    let span = workgroupUniformLoad(&bounds);

    var m = MASKED;
    var l = 0.0;
    //#for c VECS
    let q{c} = q[at * {VECS}u + {c}u] * shape.scale2;
    var o{c} = vec4<f32>(0.0);
    //#endfor
    for (var part = 0u; part < 2u; part = part + 1u) {
        let second = part == 1u;
        let end = select(span.y, span.w, second);
        let lo = select(range.x, range.z, second);
        let hi = select(range.y, range.w, second);
        for (var tile = select(span.x, span.z, second); tile < end; tile = tile + {TILE}u) {
            workgroupBarrier();
            for (var i = lane; i < {TILE*VECS}u; i = i + {GROUP}u) {
                let key = min(tile + i / {VECS}u, end - 1u);
                let source = (key * shape.kv_heads + kv) * {VECS}u + i % {VECS}u;
                keys[i] = k[source];
                values[i] = v[source];
            }
            workgroupBarrier();
            for (var n = 0u; n < {TILE}u; n = n + 4u) {
                let j = tile + n;
                var s = vec4<f32>(0.0);
                //#for c VECS
                s = s + vec4<f32>(
                    dot(q{c}, keys[n * {VECS}u + {c}u]),
                    dot(q{c}, keys[n * {VECS}u + {VECS+c}u]),
                    dot(q{c}, keys[n * {VECS}u + {2*VECS+c}u]),
                    dot(q{c}, keys[n * {VECS}u + {3*VECS+c}u]));
                //#endfor
                let place = vec4<u32>(j, j + 1u, j + 2u, j + 3u);
                s = select(vec4<f32>(MASKED), s, (place >= vec4<u32>(lo)) & (place < vec4<u32>(hi)));
                let top = max(m, max(max(s.x, s.y), max(s.z, s.w)));
                let fix = exp2(m - top);
                let p = exp2(s - vec4<f32>(top));
                m = top;
                l = l * fix + (p.x + p.y + p.z + p.w);
                //#for c VECS
                o{c} = o{c} * fix + values[n * {VECS}u + {c}u] * p.x + values[n * {VECS}u + {VECS+c}u] * p.y
                    + values[n * {VECS}u + {2*VECS+c}u] * p.z + values[n * {VECS}u + {3*VECS+c}u] * p.w;
                //#endfor
            }
        }
    }

    if (lane < {ROWS*HEADS}u && first + lane / {HEADS}u < rows) {
        stats[at].x = (m + log2(l)) * LN2;
        //#for c VECS
        out[at * {VECS}u + {c}u] = o{c} / l;
        //#endfor
    }
}
