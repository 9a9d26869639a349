// Grouped-query attention, gradient of the queries.
//
//   p[i,j] = exp(s[i,j] − lse[i]),  s as in attention_forward.wgsl
//   dq[i] = scale · Σ_j p[i,j] (dout[i]·v[j] − delta[i]) k[j]
//
// q, dout, dq [rows, heads, 4·VECS]; k, v [keys, kv_heads, 4·VECS]; ranges
// [rows]; stats [rows, heads] of (lse, delta). Source: FlashAttention-2,
// algorithm 2 (Dao, 2023), with one owner per dq row instead of atomic sums, so
// that results repeat. Blocks and masks as in attention_forward.wgsl.
//
// The form for CPU adapters: 60 GFLOP/s on llvmpipe with two cores, at 1724
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
@group(0) @binding(6) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read> dout: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> dq: array<vec4<f32>>;

const LOG2E: f32 = 1.4426950408889634;

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
