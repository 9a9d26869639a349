// Grouped-query attention, gradients of keys and values:
//   dv[j] = Σ_{h,i} p[i,j] dout[i,h]
//   dk[j] = scale · Σ_{h,i} p[i,j] (dout[i,h]·v[j] − delta[i,h]) q[i,h]
// over the query heads h of j's key head and the rows i in [q0,q1) of key_ranges[j], with p as in
// attention_query_grad.wgsl.
//
// q and dout are [rows, heads, 4·VECS]; k, v, dk and dv are [rows, kv_heads, 4·VECS]; key_ranges is
// [rows]; stats is [rows, heads] of (lse, delta). Source: FlashAttention-2, algorithm 2 (Dao 2023).
//
// Each invocation holds ROWS neighbouring keys of one head and loops over the union of their
// ranges, one query head after the other. Keys move between memory and registers like the streams
// of attention_forward.wgsl.
//
// This is the form for CPU devices: 44 GFLOP/s on llvmpipe with two cores, for 1724 packed tokens
// and heads of 32 values. Processing more than one query in each iteration is slower, because the
// loop then exceeds the instruction cache. GPUs use the _tile form.
//#let BACKWARD 1
//#let BY_KEY 1
//#include attention
@group(0) @binding(8) var<storage, read_write> dk: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> dv: array<vec4<f32>>;

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let item = id.x + (id.y * groups.x + shape.first) * {GROUP}u;
    let first = item / shape.kv_heads * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let kv = item % shape.kv_heads;
    let group = shape.heads / shape.kv_heads;

    var begin = 0xffffffffu;
    var end = 0u;
    //#for r ROWS
    let range{r} = key_ranges[min(first + {r}u, rows - 1u)];
    if (range{r}.x < range{r}.y) { begin = min(begin, range{r}.x); end = max(end, range{r}.y); }
    //#for c VECS
    var k{r}_{c} = vec4<f32>(0.0);
    var v{r}_{c} = vec4<f32>(0.0);
    var dk{r}_{c} = vec4<f32>(0.0);
    var dv{r}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor
    for (var n = 0u; n < {ROWS}u; n = n + 1u) {
        let at = (min(first + n, rows - 1u) * shape.kv_heads + kv) * {VECS}u;
        //#for c VECS
        let k{c} = k[at + {c}u] * shape.scale2;
        let v{c} = v[at + {c}u];
        //#for r ROWS
        k{r}_{c} = select(k{r}_{c}, k{c}, n == {r}u);
        v{r}_{c} = select(v{r}_{c}, v{c}, n == {r}u);
        //#endfor
        //#endfor
    }

    for (var h = kv * group; h < (kv + 1u) * group; h = h + 1u) {
        for (var i = begin; i < end; i = i + 1u) {
            let query = i * shape.heads + h;
            let stat = stats[query] * vec2<f32>(LOG2E, 1.0);
            //#for r ROWS
            var s{r} = 0.0;
            var g{r} = 0.0;
            //#endfor
            //#for c VECS
            let q{c} = q[query * {VECS}u + {c}u];
            let do{c} = dout[query * {VECS}u + {c}u];
            //#for r ROWS
            s{r} = s{r} + dot(k{r}_{c}, q{c});
            g{r} = g{r} + dot(v{r}_{c}, do{c});
            //#endfor
            //#endfor
            //#for r ROWS
            let p{r} = select(0.0, exp2(s{r} - stat.x), i >= range{r}.x && i < range{r}.y);
            let ds{r} = p{r} * (g{r} - stat.y);
            //#endfor
            //#for c VECS
            //#for r ROWS
            dv{r}_{c} = dv{r}_{c} + do{c} * p{r};
            dk{r}_{c} = dk{r}_{c} + q{c} * ds{r};
            //#endfor
            //#endfor
        }
    }

    for (var n = 0u; n < {ROWS}u; n = n + 1u) {
        if (first + n >= rows) { break; }
        let at = ((first + n) * shape.kv_heads + kv) * {VECS}u;
        //#for c VECS
        var x{c} = dk0_{c};
        var y{c} = dv0_{c};
        //#for r ROWS
        x{c} = select(x{c}, dk{r}_{c}, n == {r}u);
        y{c} = select(y{c}, dv{r}_{c}, n == {r}u);
        //#endfor
        dk[at + {c}u] = x{c} * shape.scale;
        dv[at + {c}u] = y{c};
        //#endfor
    }
}
