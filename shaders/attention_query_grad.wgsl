// Grouped-query attention, gradient of the queries.
//
//   p[i,j] = exp(s[i,j] − lse[i]),  s as in attention_forward.wgsl
//   dq[i] = scale · Σ_j p[i,j] (dout[i]·v[j] − delta[i]) k[j]
//
// q, dout, dq [rows, heads, 4·VECS]; k, v [keys, kv_heads, 4·VECS]; ranges
// [rows]; stats [rows, heads] of (lse, delta). Source: FlashAttention-2,
// algorithm 2 (Dao, 2023), with one owner per dq row instead of atomic sums, so
// that results repeat. Blocks and masks as in attention_forward.wgsl.
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
    let stat{r}_{h} = stats[at{r}_{h}];
    let lse{r}_{h} = stat{r}_{h}.x * LOG2E;
    //#for c VECS
    let q{r}_{h}_{c} = q[at{r}_{h} * {VECS}u + {c}u] * shape.scale2;
    let do{r}_{h}_{c} = dout[at{r}_{h} * {VECS}u + {c}u];
    var dq{r}_{h}_{c} = vec4<f32>(0.0);
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
            //#for h HEADS
            var s{r}_{h}_{t} = 0.0;
            var g{r}_{h}_{t} = 0.0;
            //#endfor
            //#endfor
            //#for c VECS
            let k{t}_{c} = k[key{t} + {c}u];
            //#for r ROWS
            //#for h HEADS
            s{r}_{h}_{t} = s{r}_{h}_{t} + dot(q{r}_{h}_{c}, k{t}_{c});
            //#endfor
            //#endfor
            //#endfor
            //#for c VECS
            {
                let x = v[key{t} + {c}u];
                //#for r ROWS
                //#for h HEADS
                g{r}_{h}_{t} = g{r}_{h}_{t} + dot(do{r}_{h}_{c}, x);
                //#endfor
                //#endfor
            }
            //#endfor
            //#for r ROWS
            let seen{r}_{t} = j + {t}u >= lo{r} && j + {t}u < hi{r};
            //#for h HEADS
            let p{r}_{h}_{t} = select(0.0, exp2(s{r}_{h}_{t} - lse{r}_{h}), seen{r}_{t});
            let ds{r}_{h}_{t} = p{r}_{h}_{t} * (g{r}_{h}_{t} - stat{r}_{h}.y);
            //#for c VECS
            dq{r}_{h}_{c} = dq{r}_{h}_{c} + ds{r}_{h}_{t} * k{t}_{c};
            //#endfor
            //#endfor
            //#endfor
            //#endfor
        }
    }

    //#for r ROWS
    if (first + {r}u < rows) {
        //#for h HEADS
        //#for c VECS
        dq[at{r}_{h} * {VECS}u + {c}u] = dq{r}_{h}_{c} * shape.scale;
        //#endfor
        //#endfor
    }
    //#endfor
}
