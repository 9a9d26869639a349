// dW[out, in] = scale · dYᵀ·X, summed over rows, as in linear_weight.wgsl, for GPUs.
//
// A workgroup of TX×TY invocations computes 4·TY rows (out) and 4·TX columns (in) of dW. 16 rows of
// dY and X at a time pass through workgroup memory. Each invocation keeps 4×4 results. Rows are
// added in order.
//#include linear
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4<f32>>;
var<workgroup> ys: array<vec4<f32>, {TY*16}>;
var<workgroup> xs: array<vec4<f32>, {TX*16}>;

@compute @workgroup_size({TX*TY})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = row_count(shape.rows);
    let out4 = (shape.out + 3u) / 4u;
    let col_tiles = (shape.in4 + {TX-1}u) / {TX}u;
    let tile = group.x + group.y * groups.x + shape.first;
    let row0 = (tile / col_tiles) * {TY}u;
    let col0 = (tile % col_tiles) * {TX}u;
    if (row0 >= out4) { return; }
    let tx = lane % {TX}u;
    let ty = lane / {TX}u;
//#for e 4
    var s{e} = vec4<f32>(0.0);
//#endfor
    for (var start = 0u; start < rows; start += 16u) {
        for (var i = lane; i < {TY*16}u; i += {TX*TY}u) {
            let k = start + i / {TY}u;
            let at = min(k, rows - 1u) * shape.stride4 + min(row0 + i % {TY}u, out4 - 1u);
            ys[i] = select(vec4<f32>(0.0), dy[at], k < rows);
        }
        for (var i = lane; i < {TX*16}u; i += {TX*TY}u) {
            let k = min(start + i / {TX}u, rows - 1u);
            xs[i] = x[k * shape.in4 + min(col0 + i % {TX}u, shape.in4 - 1u)];
        }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            let p = ys[k * {TY}u + ty];
            let q = xs[k * {TX}u + tx];
//#for e 4
            s{e} += p[{e}] * q;
//#endfor
        }
        workgroupBarrier();
    }
    let col = col0 + tx;
//#for e 4
    if ((row0 + ty) * 4u + {e}u < shape.out && col < shape.in4) {
        let at = ((row0 + ty) * 4u + {e}u) * shape.in4 + col;
        var sum = shape.scale * s{e};
        if (shape.accumulate == 1u) { sum += dw[at]; }
        dw[at] = sum;
    }
//#endfor
}
