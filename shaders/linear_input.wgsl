// dX[rows, in] = dY[rows, out] · W + scale · V[rows, rank] · A, W [out, in], A [rank, in]
// (gradient of y = Wx + scale·B(Ax) in x, with V = dY·B). Row-major f32; in and
// rank are multiples of 4, out need not be: dY is 0 from out up to the next
// multiple of 4, and rows of W past the last are read as the last.
//
// One invocation computes a TM×TN block of dX in registers, four steps of out at
// a time; edges as in linear_forward.wgsl.
struct Shape {
    rows: u32,      // kernels.Rows
    in4: u32,       // in / 4
    out: u32,
    stride4: u32,   // row stride of dY / 4
    rank4: u32,     // rank / 4
    accumulate: u32, // 1: dX += …
    scale: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<f32>>;
//#if LOW_RANK
@group(0) @binding(5) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> a: array<vec4<f32>>;
//#endif

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let row_tiles = (rows + {TM-1}u) / {TM}u;
    let col_tiles = (shape.in4 + {TN/4-1}u) / {TN/4}u;
    let tile = id.x + id.y * groups.x * {GROUP}u;
    if (tile >= row_tiles * col_tiles) { return; }
//#if ROWS_FAST
    let row = (tile % row_tiles) * {TM}u;
    let col = (tile / row_tiles) * {TN/4}u;
//#else
    let row = (tile / col_tiles) * {TM}u;
    let col = (tile % col_tiles) * {TN/4}u;
//#endif
//#for i TM
    let r{i} = min(row + {i}u, rows - 1u);
//#for q TN/4
    var s{i}_{q} = vec4<f32>(0.0);
//#endfor
//#endfor
//#for q TN/4
    let c{q} = min(col + {q}u, shape.in4 - 1u);
//#endfor
    let steps = (shape.out + 3u) / 4u;
    for (var k = 0u; k < steps; k++) {
//#for i TM
        let p{i} = dy[r{i} * shape.stride4 + k];
//#endfor
//#for e 4
        let o{e} = min(4u * k + {e}u, shape.out - 1u) * shape.in4;
//#for q TN/4
        let q{e}_{q} = w[o{e} + c{q}];
//#for i TM
        s{i}_{q} += p{i}[{e}] * q{e}_{q};
//#endfor
//#endfor
//#endfor
    }
//#if LOW_RANK
    for (var k = 0u; k < shape.rank4; k++) {
//#for i TM
        let p{i} = shape.scale * v[r{i} * shape.rank4 + k];
//#endfor
//#for e 4
        let o{e} = (4u * k + {e}u) * shape.in4;
//#for q TN/4
        let q{e}_{q} = a[o{e} + c{q}];
//#for i TM
        s{i}_{q} += p{i}[{e}] * q{e}_{q};
//#endfor
//#endfor
//#endfor
    }
//#endif
//#for i TM
    if (row + {i}u < rows) {
        let at = (row + {i}u) * shape.in4 + col;
//#for q TN/4
        if (col + {q}u < shape.in4) {
            if (shape.accumulate == 1u) { s{i}_{q} += dx[at + {q}u]; }
            dx[at + {q}u] = s{i}_{q};
        }
//#endfor
    }
//#endfor
}
