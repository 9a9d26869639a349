// attention_key_grad.wgsl for GPUs: queries and output gradients pass through workgroup memory,
// TILE rows of one head at a time. Each of the GROUP invocations holds one key row.
//
// q and dout are [rows, heads, 4·VECS]; k, v, dk and dv are [rows, kv_heads, 4·VECS]; key_ranges is
// [rows]; stats is [rows, heads] of (lse, delta).
//#let BACKWARD 1
//#let BY_KEY 1
//#include attention
@group(0) @binding(8) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> dv: array<vec4<f32>>;

var<workgroup> seen: array<vec2<u32>, {GROUP}>;
var<workgroup> bounds: vec2<u32>;
var<workgroup> queries: array<vec4<f32>, {TILE*VECS}>;
var<workgroup> grads: array<vec4<f32>, {TILE*VECS}>;
var<workgroup> row_stats: array<vec2<f32>, {TILE}>;

@compute @workgroup_size({GROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = group.x + group.y * groups.x + shape.first;
    let first = item / shape.kv_heads * {GROUP}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let kv = item % shape.kv_heads;
    let row = min(first + lane, rows - 1u);
    let at = (row * shape.kv_heads + kv) * {VECS}u;
    let per_key = shape.heads / shape.kv_heads;

    let range = key_ranges[row];
    seen[lane] = range;
    workgroupBarrier();
    if (lane == 0u) {
        var b = vec2<u32>(0xffffffffu, 0u);
        for (var n = 0u; n < {GROUP}u; n = n + 1u) {
            let r = seen[n];
            if (r.x < r.y) { b = vec2<u32>(min(b.x, r.x), max(b.y, r.y)); }
        }
        bounds = b;
    }
    let span = workgroupUniformLoad(&bounds);

    //#for c VECS
    let k{c} = k[at + {c}u] * shape.scale2;
    let v{c} = v[at + {c}u];
    var dk{c} = vec4<f32>(0.0);
    var dv{c} = vec4<f32>(0.0);
    //#endfor
    for (var h = kv * per_key; h < (kv + 1u) * per_key; h = h + 1u) {
        for (var tile = span.x; tile < span.y; tile = tile + {TILE}u) {
            workgroupBarrier();
            for (var i = lane; i < {TILE*VECS}u; i = i + {GROUP}u) {
                let query = min(tile + i / {VECS}u, span.y - 1u) * shape.heads + h;
                queries[i] = q[query * {VECS}u + i % {VECS}u];
                grads[i] = dout[query * {VECS}u + i % {VECS}u];
            }
            if (lane < {TILE}u) {
                row_stats[lane] = stats[min(tile + lane, span.y - 1u) * shape.heads + h] * vec2<f32>(LOG2E, 1.0);
            }
            workgroupBarrier();
            for (var n = 0u; n < {TILE}u; n = n + 1u) {
                let i = tile + n;
                let stat = row_stats[n];
                var s = 0.0;
                var g = 0.0;
                //#for c VECS
                let q{c} = queries[n * {VECS}u + {c}u];
                let do{c} = grads[n * {VECS}u + {c}u];
                s = s + dot(k{c}, q{c});
                g = g + dot(v{c}, do{c});
                //#endfor
                let p = select(0.0, exp2(s - stat.x), i >= range.x && i < range.y);
                let ds = p * (g - stat.y);
                //#for c VECS
                dv{c} = dv{c} + do{c} * p;
                dk{c} = dk{c} + q{c} * ds;
                //#endfor
            }
        }
    }

    if (first + lane < rows) {
        //#for c VECS
        dk[at + {c}u] = dk{c} * shape.scale;
        dv[at + {c}u] = dv{c};
        //#endfor
    }
}
