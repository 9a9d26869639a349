// Grouped-query attention, forward, with an online softmax. No buffer of rows × keys exists.
//   s[i,j] = scale · q[i]·k[j],  j in [a0,a1) ∪ [b0,b1) of ranges[i]
//   out[i] = Σ_j exp(s[i,j] − lse[i]) v[j],  lse[i] = log Σ_j exp(s[i,j])
//
// q and out are [rows, heads, 4·VECS]; k and v are [keys, kv_heads, 4·VECS]; ranges is [rows];
// stats is [rows, heads] of (lse, unused). Source: FlashAttention-2, algorithm 1 (Dao 2023).
//
// Each invocation holds ROWS neighbouring rows × HEADS query heads of one key head (STREAMS =
// ROWS·HEADS), so each key and value that it loads serves all of them. It loops over the union of
// the ranges of its rows and masks by row: neighbours differ only at the ends and where a branch or
// sample begins. Streams move between memory and registers in a loop that selects by stream, not in
// unrolled loads, because on CPU devices every load in the text takes as long to compile as to run.
//
// This is the form for CPU devices: 46 GFLOP/s on llvmpipe with two cores, for 1724 packed tokens
// and heads of 32 values. Processing more than one key in each iteration is slower, because the
// loop then exceeds the instruction cache. GPUs use the _tile form.
//#let BACKWARD 0
//#let BY_KEY 0
//#include attention

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    //#include attention_block_ranges
    //#for t STREAMS
    var m{t} = MASKED;
    var l{t} = 0.0;
    //#for c VECS
    var q{t}_{c} = vec4<f32>(0.0);
    var o{t}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor
    for (var n = 0u; n < {STREAMS}u; n = n + 1u) {
        let at = (min(first + n / {HEADS}u, rows - 1u) * shape.heads + head + n % {HEADS}u) * {VECS}u;
        //#for c VECS
        let x{c} = q[at + {c}u] * shape.scale2;
        //#for t STREAMS
        q{t}_{c} = select(q{t}_{c}, x{c}, n == {t}u);
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
            //#endfor
            //#for c VECS
            let k{c} = k[key + {c}u];
            //#for t STREAMS
            s{t} = s{t} + dot(q{t}_{c}, k{c});
            //#endfor
            //#endfor
            // The new maximum is either the old one or s. So one of the two factors, of the sums so
            // far and of this key, is 1, and one exp2 is enough.
            //#for t STREAMS
            s{t} = select(MASKED, s{t}, seen{t/HEADS});
            let up{t} = s{t} > m{t};
            let e{t} = exp2(-abs(s{t} - m{t}));
            let fix{t} = select(1.0, e{t}, up{t});
            let p{t} = select(e{t}, 1.0, up{t});
            m{t} = max(m{t}, s{t});
            l{t} = l{t} * fix{t} + p{t};
            //#endfor
            //#for c VECS
            let v{c} = v[key + {c}u];
            //#for t STREAMS
            o{t}_{c} = o{t}_{c} * fix{t} + v{c} * p{t};
            //#endfor
            //#endfor
        }
    }

    for (var n = 0u; n < {STREAMS}u; n = n + 1u) {
        let row = first + n / {HEADS}u;
        if (row >= rows) { break; }
        let at = row * shape.heads + head + n % {HEADS}u;
        var m = m0;
        var l = l0;
        //#for t STREAMS
        m = select(m, m{t}, n == {t}u);
        l = select(l, l{t}, n == {t}u);
        //#endfor
        stats[at].x = (m + log2(l)) * LN2;
        //#for c VECS
        var x{c} = o0_{c};
        //#for t STREAMS
        x{c} = select(x{c}, o{t}_{c}, n == {t}u);
        //#endfor
        out[at * {VECS}u + {c}u] = x{c} / l;
        //#endfor
    }
}
