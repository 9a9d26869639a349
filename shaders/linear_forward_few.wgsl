// Y[rows, out] = X·Wᵀ + scale · U·Bᵀ as in linear_forward.wgsl, for at most 4 rows on GPUs:
// decoding one token reads all of W for little work.
//
// 16 neighbouring invocations share one column: each takes every 16th vec4 of its row of W, and the
// first adds the sums in order. A workgroup has 4 columns, one vec4 of Y. TM is the number of rows,
// rounded up to 1, 2 or 4.
//#include linear
//#for t TERMS
//#include weights
//#endfor
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
//#for t TERMS
@group(0) @binding({t*3+2}) var<storage, read> x{t}: array<vec4<f32>>; // X, U
//#endfor
var<workgroup> sums: array<vec4<f32>, 64>; // one component per row

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = row_count(shape.rows);
    let col = (group.x + group.y * groups.x) * 4u + lane / 16u;
    var sum = vec4<f32>(0.0);
    let depth0 = shape.in4;
    let depth1 = shape.rank4;
    let scale0 = 1.0;
    let scale1 = shape.scale;
//#for t TERMS
    let c{t} = row_start{t}(min(col, shape.out - 1u), depth{t});
    for (var k = lane % 16u; k < depth{t}; k += 16u) {
        let q{t} = scale{t} * weights{t}(c{t}, k, scales{t}(c{t}, k / SPAN{t}));
//#for i TM
        sum[{i}] += dot(x{t}[min({i}u, rows - 1u) * depth{t} + k], q{t});
//#endfor
    }
//#endfor
    sums[lane] = sum;
    workgroupBarrier();
    if (lane % 16u != 0u || col >= (shape.out + 3u) / 4u * 4u) { return; }
    for (var i = 1u; i < 16u; i++) { sum += sums[lane + i]; }
//#for i TM
    if ({i}u < rows) {
        let at = ({i}u * shape.stride4 + shape.offset4) * 4u + col;
        var v = sum[{i}];
        if (shape.accumulate == 1u) { v += y[at]; }
        y[at] = select(0.0, v, col < shape.out);
    }
//#endfor
}
