// dW[out, in] = scale · dYᵀ · X, summed over rows: dY [rows, out], X [rows, in]
// (gradient of y = Wx in W; of LoRA's A with dY·B for dY, of its B with Ax for X).
// Row-major f32; in is a multiple of 4; out need not be.
//
// One invocation computes a TM×TN block of dW (TM of out, TN of in) in registers
// and walks down the rows in their order, so that the sum never depends on the
// number of invocations. Edges as in linear_forward.wgsl.
struct Shape {
    rows: u32,      // kernels.Rows
    in4: u32,       // in / 4
    out: u32,
    stride4: u32,   // row stride of dY / 4
    rank4: u32,     // unused
    accumulate: u32, // 1: dW += …
    scale: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4<f32>>;

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let out4 = (shape.out + 3u) / 4u;
    let row_tiles = (out4 + {TM/4-1}u) / {TM/4}u;
    let col_tiles = (shape.in4 + {TN/4-1}u) / {TN/4}u;
    let tile = id.x + id.y * groups.x * {GROUP}u;
    if (tile >= row_tiles * col_tiles) { return; }
//#if ROWS_FAST
    let row = (tile % row_tiles) * {TM/4}u;
    let col = (tile / row_tiles) * {TN/4}u;
//#else
    let row = (tile / col_tiles) * {TM/4}u;
    let col = (tile % col_tiles) * {TN/4}u;
//#endif
//#for p TM/4
    let r{p} = min(row + {p}u, out4 - 1u);
//#endfor
//#for i TM
//#for q TN/4
    var s{i}_{q} = vec4<f32>(0.0);
//#endfor
//#endfor
//#for q TN/4
    let c{q} = min(col + {q}u, shape.in4 - 1u);
//#endfor
    for (var k = 0u; k < rows; k++) {
        let at_y = k * shape.stride4;
        let at_x = k * shape.in4;
//#for p TM/4
        let p{p} = dy[at_y + r{p}];
//#endfor
//#for q TN/4
        let q{q} = x[at_x + c{q}];
//#for p TM/4
//#for e 4
        s{p*4+e}_{q} += p{p}[{e}] * q{q};
//#endfor
//#endfor
//#endfor
    }
//#for i TM
    if (row * 4u + {i}u < shape.out) {
        let at = (row * 4u + {i}u) * shape.in4 + col;
//#for q TN/4
        if (col + {q}u < shape.in4) {
            var v = shape.scale * s{i}_{q};
            if (shape.accumulate == 1u) { v += dw[at + {q}u]; }
            dw[at + {q}u] = v;
        }
//#endfor
    }
//#endfor
}
