// Y[rows, out] = X[rows, in] · Wᵀ + scale · U[rows, rank] · Bᵀ, W [out, in], B [out, rank]
// (y = Wx of a linear layer in Hugging Face's layout, with LoRA's BA beside it:
// Hu et al. 2021, eq. 3). Row-major f32; in and rank are multiples of 4. The
// low-rank term goes on in the same registers, so it costs no pass over Y.
//
// One invocation computes a TM×TN block of Y in registers and walks along in by
// vec4. Loads past an edge are clamped to the last row or column, stores are
// guarded, so the inner loop has no branch. Columns from out up to the next
// multiple of 4 are written as 0. Text between //#for and //#endfor is unrolled
// by core/kernels. Workgroup memory is not used: CPU adapters win by that.
struct Shape {
    rows: u32,      // kernels.Rows
    in4: u32,       // in / 4
    out: u32,
    stride4: u32,   // row stride of Y / 4
    rank4: u32,     // rank / 4
    accumulate: u32, // 1: Y += …
    scale: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
//#if LOW_RANK
@group(0) @binding(5) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> b: array<vec4<f32>>;
//#endif

fn store(at: u32, col: u32, v: vec4<f32>) {
    var t = v;
    if (shape.accumulate == 1u) { t = t + y[at]; }
    let keep = vec4<u32>(col, col + 1u, col + 2u, col + 3u) < vec4<u32>(shape.out);
    y[at] = select(vec4<f32>(0.0), t, keep);
}

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let row_tiles = (rows + {TM-1}u) / {TM}u;
    let col_tiles = (shape.out + {TN-1}u) / {TN}u;
    let tile = id.x + id.y * groups.x * {GROUP}u;
    if (tile >= row_tiles * col_tiles) { return; }
//#if ROWS_FAST
    let row = (tile % row_tiles) * {TM}u;
    let col = (tile / row_tiles) * {TN}u;
//#else
    let row = (tile / col_tiles) * {TM}u;
    let col = (tile % col_tiles) * {TN}u;
//#endif
//#for i TM
    let r{i} = min(row + {i}u, rows - 1u);
//#for j TN
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
//#for j TN
    let c{j} = min(col + {j}u, shape.out - 1u);
//#endfor
    for (var k = 0u; k < shape.in4; k++) {
//#for i TM
        let p{i} = x[r{i} * shape.in4 + k];
//#endfor
//#for j TN
        let q{j} = w[c{j} * shape.in4 + k];
//#for i TM
        s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
    }
//#if LOW_RANK
    for (var k = 0u; k < shape.rank4; k++) {
//#for i TM
        let p{i} = shape.scale * u[r{i} * shape.rank4 + k];
//#endfor
//#for j TN
        let q{j} = b[c{j} * shape.rank4 + k];
//#for i TM
        s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
    }
//#endif
//#for i TM
    if (row + {i}u < rows) {
        let at = (row + {i}u) * shape.stride4 + col / 4u;
//#for q TN/4
        if (col + {q*4}u < shape.out) {
            store(at + {q}u, col + {q*4}u, vec4<f32>(s{i}_{q*4}, s{i}_{q*4+1}, s{i}_{q*4+2}, s{i}_{q*4+3}));
        }
//#endfor
    }
//#endfor
}
