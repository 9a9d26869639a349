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
// head, so that each key and value loaded serves ROWS·HEADS streams. It walks
// the union of its rows' ranges, TURN keys a turn, and masks by row: neighbours
// differ only at their ends and where a branch or sample begins. Powers of two
// (scale2 carries log2 e) spare the exp its multiplication.
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

    // Union of the rows' ranges; a row beyond the last repeats it.
    var a_lo = rows + 0x7fffffffu;
    var a_hi = 0u;
    var b_lo = a_lo;
    var b_hi = 0u;
    //#for r ROWS
    let row{r} = min(first + {r}u, rows - 1u);
    let range{r} = ranges[row{r}];
    if (range{r}.x < range{r}.y) { a_lo = min(a_lo, range{r}.x); a_hi = max(a_hi, range{r}.y); }
    if (range{r}.z < range{r}.w) { b_lo = min(b_lo, range{r}.z); b_hi = max(b_hi, range{r}.w); }
    //#for h HEADS
    let at{r}_{h} = row{r} * shape.heads + head + {h}u;
    var m{r}_{h} = MASKED;
    var l{r}_{h} = 0.0;
    //#for c VECS
    let q{r}_{h}_{c} = q[at{r}_{h} * {VECS}u + {c}u] * shape.scale2;
    var o{r}_{h}_{c} = vec4<f32>(0.0);
    //#endfor
    //#endfor
    //#endfor

    for (var part = 0u; part < 2u; part = part + 1u) {
        let second = part == 1u;
        let end = select(a_hi, b_hi, second);
        //#for r ROWS
        let lo{r} = select(range{r}.x, range{r}.z, second);
        let hi{r} = select(range{r}.y, range{r}.w, second);
        //#endfor
        for (var j = select(a_lo, b_lo, second); j < end; j = j + {TURN}u) {
            //#for t TURN
            let key{t} = (min(j + {t}u, end - 1u) * shape.kv_heads + kv) * {VECS}u;
            //#for r ROWS
            let seen{r}_{t} = j + {t}u >= lo{r} && j + {t}u < hi{r};
            //#for h HEADS
            var s{r}_{h}_{t} = 0.0;
            //#endfor
            //#endfor
            //#for c VECS
            {
                let x = k[key{t} + {c}u];
                //#for r ROWS
                //#for h HEADS
                s{r}_{h}_{t} = s{r}_{h}_{t} + dot(q{r}_{h}_{c}, x);
                //#endfor
                //#endfor
            }
            //#endfor
            //#endfor

            //#for r ROWS
            //#for h HEADS
            let old{r}_{h} = m{r}_{h};
            //#for t TURN
            s{r}_{h}_{t} = select(MASKED, s{r}_{h}_{t}, seen{r}_{t});
            m{r}_{h} = max(m{r}_{h}, s{r}_{h}_{t});
            //#endfor
            let fix{r}_{h} = exp2(old{r}_{h} - m{r}_{h});
            l{r}_{h} = l{r}_{h} * fix{r}_{h};
            //#for t TURN
            let p{r}_{h}_{t} = exp2(s{r}_{h}_{t} - m{r}_{h});
            l{r}_{h} = l{r}_{h} + p{r}_{h}_{t};
            //#endfor
            //#for c VECS
            o{r}_{h}_{c} = o{r}_{h}_{c} * fix{r}_{h};
            //#endfor
            //#endfor
            //#endfor

            //#for t TURN
            //#for c VECS
            {
                let x = v[key{t} + {c}u];
                //#for r ROWS
                //#for h HEADS
                o{r}_{h}_{c} = o{r}_{h}_{c} + p{r}_{h}_{t} * x;
                //#endfor
                //#endfor
            }
            //#endfor
            //#endfor
        }
    }

    //#for r ROWS
    if (first + {r}u < rows) {
        //#for h HEADS
        let norm{r}_{h} = 1.0 / l{r}_{h};
        stats[at{r}_{h}].x = (m{r}_{h} + log2(l{r}_{h})) * LN2;
        //#for c VECS
        out[at{r}_{h} * {VECS}u + {c}u] = o{r}_{h}_{c} * norm{r}_{h};
        //#endfor
        //#endfor
    }
    //#endfor
}
