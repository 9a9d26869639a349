// Grouped-query attention, gradients of keys and values.
//
//   dv[j] = Σ_{h,i} p[i,j] dout[i,h]
//   dk[j] = scale · Σ_{h,i} p[i,j] (dout[i,h]·v[j] − delta[i,h]) q[i,h]
//
// over the query heads h of j's key head and the rows i in [q0,q1) of
// key_ranges[j]; p as in attention_query_grad.wgsl. q, dout [rows, heads, 4·VECS];
// k, v, dk, dv [rows, kv_heads, 4·VECS]; key_ranges [rows]; stats [rows, heads]
// of (lse, delta). Source: FlashAttention-2, algorithm 2 (Dao, 2023).
//
// One invocation holds ROWS neighbouring keys of one head, and walks the union
// of their ranges, TURN queries a turn, head by head.
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
@group(0) @binding(5) var<storage, read> key_ranges: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> dv: array<vec4<f32>>;

const LOG2E: f32 = 1.4426950408889634;

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let item = id.x + id.y * groups.x * {GROUP}u;
    let first = item / shape.kv_heads * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let kv = item % shape.kv_heads;
    let group = shape.heads / shape.kv_heads;

    var begin = rows;
    var end = 0u;
    //#for r ROWS
    let row{r} = min(first + {r}u, rows - 1u);
    let at{r} = (row{r} * shape.kv_heads + kv) * {VECS}u;
    let range{r} = key_ranges[row{r}];
    if (range{r}.x < range{r}.y) { begin = min(begin, range{r}.x); end = max(end, range{r}.y); }
    //#for c VECS
    let k{r}_{c} = k[at{r} + {c}u] * shape.scale2;
    let v{r}_{c} = v[at{r} + {c}u];
    var dk{r}_{c} = vec4<f32>(0.0);
    var dv{r}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor

    for (var h = kv * group; h < (kv + 1u) * group; h = h + 1u) {
        for (var i = begin; i < end; i = i + {TURN}u) {
            //#for t TURN
            let query{t} = min(i + {t}u, end - 1u) * shape.heads + h;
            let stat{t} = stats[query{t}];
            let lse{t} = stat{t}.x * LOG2E;
            //#for r ROWS
            var s{r}_{t} = 0.0;
            var g{r}_{t} = 0.0;
            //#endfor
            //#for c VECS
            let q{t}_{c} = q[query{t} * {VECS}u + {c}u];
            //#for r ROWS
            s{r}_{t} = s{r}_{t} + dot(k{r}_{c}, q{t}_{c});
            //#endfor
            let do{t}_{c} = dout[query{t} * {VECS}u + {c}u];
            //#for r ROWS
            g{r}_{t} = g{r}_{t} + dot(v{r}_{c}, do{t}_{c});
            //#endfor
            //#endfor
            //#for r ROWS
            let seen{r}_{t} = i + {t}u >= range{r}.x && i + {t}u < range{r}.y;
            let p{r}_{t} = select(0.0, exp2(s{r}_{t} - lse{t}), seen{r}_{t});
            let ds{r}_{t} = p{r}_{t} * (g{r}_{t} - stat{t}.y);
            //#for c VECS
            dv{r}_{c} = dv{r}_{c} + p{r}_{t} * do{t}_{c};
            dk{r}_{c} = dk{r}_{c} + ds{r}_{t} * q{t}_{c};
            //#endfor
            //#endfor
            //#endfor
        }
    }

    //#for r ROWS
    if (first + {r}u < rows) {
        //#for c VECS
        dk[at{r} + {c}u] = dk{r}_{c} * shape.scale;
        dv[at{r} + {c}u] = dv{r}_{c};
        //#endfor
    }
    //#endfor
}
