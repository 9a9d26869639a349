// The first half of the MLP of a decoded token, for TM rows: y = silu(gate) · up with gate and up
// as in token_linear.wgsl (SwiGLU, Shazeer 2020).
//
// x is [TM, 4·stride4], y [TM, n0]. w holds gate and up. Each team computes TN/2 columns.
//#include common
//#include token_form
//#if SHARED
//#let TN 2
//#else
//#let TN 8
//#endif
//#let t 0
//#include weights
//#include token_shape
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
//#if LOW
@group(0) @binding(5) var<storage, read> params: array<vec4<f32>>;
//#endif
//#if TEAM > 1
var<workgroup> sums: array<f32, {GROUP*TM*TN}>;
//#endif
//#let PAIRS TN/2

fn swiglu(g: f32, u: f32) -> f32 {
    let e = exp(-min(abs(g), 87.0));
    return g * (select(e, 1.0, g >= 0.0) / (1.0 + e)) * u;
}

@compute @workgroup_size({GROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let depth = shape.in4;
    let stride4 = shape.stride4;
    let part = lane % {TEAM}u;
    let col = ((group.x + group.y * groups.x) * {GROUP/TEAM}u + lane / {TEAM}u) * {PAIRS}u;
//#for j PAIRS
    let c{j} = row_start0(min(col + {j}u, shape.n0 - 1u), depth);
    let c{j+PAIRS} = shape.w1 + c{j};
//#endfor
//#for i TM
//#for j TN
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
//#include token_product
//#if LOW
    let rank0 = shape.ranks & 1023u;
    let rank1 = shape.ranks >> 10u;
//#for m 2
    for (var r = part; r < rank{m}; r += {TEAM}u) {
//#for i TM
        let l{i} = x[{i}u * stride4 + depth + {m}u * rank0 + r];
//#endfor
//#for j PAIRS
        let b{j} = params[shape.b{m} + min(col + {j}u, shape.n0 - 1u) * rank{m} + r];
//#for i TM
        s{i}_{m*PAIRS+j} += dot(l{i}, b{j});
//#endfor
//#endfor
    }
//#endfor
//#endif
//#include token_team
    if (part != 0u) { return; }
//#for j PAIRS
    if (col + {j}u < shape.n0) {
//#for i TM
        y[{i}u * shape.n0 + col + {j}u] = swiglu(s{i}_{j}, s{i}_{PAIRS+j});
//#endfor
    }
//#endfor
}
