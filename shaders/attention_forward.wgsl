// Grouped-query attention, forward, with an online softmax: no buffer of
// rows × keys exists.
//
//   s[i,j] = scale · q[i]·k[j],  j in [a0,a1) ∪ [b0,b1) of ranges[i]
//   out[i] = Σ_j exp(s[i,j] − lse[i]) v[j],  lse[i] = log Σ_j exp(s[i,j])
//
// q, out [rows, heads, 4·VECS]; k, v [keys, kv_heads, 4·VECS]; ranges [rows];
// stats [rows, heads] of (lse, –). Source: FlashAttention-2, algorithm 1 (Dao, 2023).
//
// One invocation holds ROWS neighbouring rows × HEADS query heads of one key
// head (STREAMS = ROWS·HEADS), so that each key and value loaded serves them
// all. It walks the union of its rows' ranges and masks by row: neighbours differ
// only at their ends and where a branch or sample begins. Streams move between
// memory and registers in a loop that selects by stream, not in unrolled loads:
// on CPU adapters every load in the text costs as much to compile as to run.
//
// The form for CPU adapters: 46 GFLOP/s on llvmpipe with two cores, at 1724
// packed tokens and heads of 32. More than one row of the other side per turn is
// slower: the loop outgrows the instruction cache. GPUs take the _tile form.
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

// A masked score: finite, so that differences of two are no NaN. What a stream
// gathers before its first key is scaled away by exp2(MASKED − max) = 0.
const MASKED: f32 = -1e30;
const LN2: f32 = 0.6931471805599453;

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let item = id.x + id.y * groups.x * {GROUP}u;
    let slices = shape.heads / {HEADS}u;
    let first = item / slices * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let head = item % slices * {HEADS}u;
    let kv = head / (shape.heads / shape.kv_heads);

    var a_lo = 0xffffffffu;
    var a_hi = 0u;
    var b_lo = 0xffffffffu;
    var b_hi = 0u;
    //#for r ROWS
    let range{r} = ranges[min(first + {r}u, rows - 1u)];
    if (range{r}.x < range{r}.y) { a_lo = min(a_lo, range{r}.x); a_hi = max(a_hi, range{r}.y); }
    if (range{r}.z < range{r}.w) { b_lo = min(b_lo, range{r}.z); b_hi = max(b_hi, range{r}.w); }
    //#endfor
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
        let second = part == 1u;
        let end = select(a_hi, b_hi, second);
        //#for r ROWS
        let lo{r} = select(range{r}.x, range{r}.z, second);
        let hi{r} = select(range{r}.y, range{r}.w, second);
        //#endfor
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
            // The new maximum is either the old one or s, so of the factors for
            // what was summed and for this key one is 1, and one exp serves both.
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
