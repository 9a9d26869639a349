// Grouped-query attention, gradient of the queries:
//   p[i,j] = exp(s[i,j] − lse[i]),  s as in attention_forward.wgsl
//   dq[i] = scale · Σ_j p[i,j] (dout[i]·v[j] − delta[i]) k[j]
//
// q, dout and dq are [rows, heads, 4·VECS]; k and v are [keys, kv_heads, 4·VECS]; ranges is [rows];
// stats is [rows, heads] of (lse, delta). Source: FlashAttention-2, algorithm 2 (Dao 2023), but
// each row of dq has one owner instead of atomic sums, so that results repeat bit for bit. Blocks
// and masks are as in attention_forward.wgsl.
//
// This is the form for CPU devices: 60 GFLOP/s on llvmpipe with two cores, for 1724 packed tokens
// and heads of 32 values. Processing more than one key in each iteration is slower, because the
// loop then exceeds the instruction cache. GPUs use the _tile form.
//#let BACKWARD 1
//#let BY_KEY 0
//#include attention
@group(0) @binding(8) var<storage, read_write> dq: array<vec4<f32>>;

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    //#include attention_block_ranges
    //#for t STREAMS
    var stat{t} = vec2<f32>(0.0);
    //#for c VECS
    var q{t}_{c} = vec4<f32>(0.0);
    var do{t}_{c} = vec4<f32>(0.0);
    var dq{t}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor
    for (var n = 0u; n < {STREAMS}u; n = n + 1u) {
        let at = min(first + n / {HEADS}u, rows - 1u) * shape.heads + head + n % {HEADS}u;
        let stat = stats[at] * vec2<f32>(LOG2E, 1.0);
        //#for t STREAMS
        stat{t} = select(stat{t}, stat, n == {t}u);
        //#endfor
        //#for c VECS
        let q{c} = q[at * {VECS}u + {c}u] * shape.scale2;
        let do{c} = dout[at * {VECS}u + {c}u];
        //#for t STREAMS
        q{t}_{c} = select(q{t}_{c}, q{c}, n == {t}u);
        do{t}_{c} = select(do{t}_{c}, do{c}, n == {t}u);
        //#endfor
        //#endfor
    }

    for (var part = 0u; part < 2u; part = part + 1u) {
        //#include attention_block_part
        for (var j = select(a_lo, b_lo, second); j < end; j = j + 1u) {
            let key = (j * shape.kv_heads + kv) * {VECS}u;
            //#for r ROWS
            let seen{r} = j >= lo{r} && j < hi{r};
            //#endfor
            //#for t STREAMS
            var s{t} = 0.0;
            var g{t} = 0.0;
            //#endfor
            //#for c VECS
            let k{c} = k[key + {c}u];
            let v{c} = v[key + {c}u];
            //#for t STREAMS
            s{t} = s{t} + dot(q{t}_{c}, k{c});
            g{t} = g{t} + dot(do{t}_{c}, v{c});
            //#endfor
            //#endfor
            //#for t STREAMS
            let p{t} = select(0.0, exp2(s{t} - stat{t}.x), seen{t/HEADS});
            let ds{t} = p{t} * (g{t} - stat{t}.y);
            //#endfor
            //#for c VECS
            //#for t STREAMS
            dq{t}_{c} = dq{t}_{c} + k{c} * ds{t};
            //#endfor
            //#endfor
        }
    }

    for (var n = 0u; n < {STREAMS}u; n = n + 1u) {
        let row = first + n / {HEADS}u;
        if (row >= rows) { break; }
        let at = (row * shape.heads + head + n % {HEADS}u) * {VECS}u;
        //#for c VECS
        var x{c} = dq0_{c};
        //#for t STREAMS
        x{c} = select(x{c}, dq{t}_{c}, n == {t}u);
        //#endfor
        dq[at + {c}u] = x{c} * shape.scale;
        //#endfor
    }
}
