// dX[rows, in] = dY·W + scale · V·A as in linear_input.wgsl, for GPUs.
//
// A workgroup of TX×TY invocations computes a block of 4·TY rows and 4·TX columns. 16 columns of dY
// and 16 rows of W at a time pass through workgroup memory. Each invocation keeps one vec4 in each
// of 4 rows. Memory banks and HALF are as in linear_forward_tiled.wgsl.
//#include linear
//#for t TERMS
//#include weights
//#endfor
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<f32>>;
//#for t TERMS
@group(0) @binding({t*3+2}) var<storage, read> dy{t}: array<vec4<f32>>; // dY, V
//#endfor
var<workgroup> ys: array<vec4<f32>, {TY*20}>;
//#for t KEPT
var<workgroup> ws{t}: array<Kept{t}, {TX*16}>;
//#endfor

@compute @workgroup_size({TX*TY})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = row_count(shape.rows);
    let col_tiles = (shape.in4 + {TX-1}u) / {TX}u;
    let tile = group.x + group.y * groups.x + shape.first;
    let row0 = (tile / col_tiles) * {TY*4}u;
    let col0 = (tile % col_tiles) * {TX}u;
    if (row0 >= rows) { return; }
    let tx = lane % {TX}u;
    let ty = lane / {TX}u;
//#for i 4
    var s{i} = vec4<f32>(0.0);
//#endfor
    //#include linear_input_terms
//#for t TERMS
    for (var start = 0u; start < depth{t}; start += 4u) {
        for (var i = lane; i < {TY*16}u; i += {TX*TY}u) {
            let k = start + i % 4u;
            let at = min(row0 + i / 4u, rows - 1u) * stride{t} + offset{t} + min(k, depth{t} - 1u);
            ys[(i / 4u) * 5u + i % 4u] = select(vec4<f32>(0.0), scale{t} * dy{t}[at], k < depth{t});
        }
        for (var i = lane; i < {TX*16}u; i += {TX*TY}u) {
            let o = row_start{t}(min(4u * start + i / {TX}u, last{t}), shape.in4);
            let c = min(col0 + i % {TX}u, shape.in4 - 1u);
            ws{t*HALF}[i] = Kept{t*HALF}(weights{t}(o, c, scales{t}(o, c / SPAN{t})));
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
//#for e 4
            let q{e} = vec4<f32>(ws{t*HALF}[(4u * k + {e}u) * {TX}u + tx]);
//#endfor
//#for i 4
            let p{i} = ys[(ty + {i*TY}u) * 5u + k];
            s{i} += p{i}.x * q0 + p{i}.y * q1 + p{i}.z * q2 + p{i}.w * q3;
//#endfor
        }
        workgroupBarrier();
    }
//#endfor
    let col = col0 + tx;
//#for i 4
    if (row0 + ty + {i*TY}u < rows && col < shape.in4) {
        let at = (row0 + ty + {i*TY}u) * shape.in4 + col;
        if (shape.accumulate == 1u) { s{i} += dx[at]; }
        dx[at] = s{i};
    }
//#endfor
}
