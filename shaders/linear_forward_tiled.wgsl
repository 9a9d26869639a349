// Y[rows, out] = X·Wᵀ + scale · U·Bᵀ as in linear_forward.wgsl, for GPUs.
//
// A workgroup of TX×TY invocations computes a block of 4·TY rows and 4·TX columns. 16 features at a
// time of its rows of X and W pass through workgroup memory. Each invocation keeps 4×4 results, TY
// rows and TX columns apart, so that neighbours read and write neighbouring words. A row of a tile
// takes 5 vec4s instead of 4, which spreads the rows over the memory banks.
//
// HALF: W is binary16 and stays binary16 in workgroup memory, so the inner loop reads a quarter
// less. KEPT is 2 then if the low-rank term needs a tile of its own.
//#include linear
//#for t TERMS
//#include weights
//#endfor
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
//#for t TERMS
@group(0) @binding({t*3+2}) var<storage, read> x{t}: array<vec4<f32>>; // X, U
//#endfor
var<workgroup> xs: array<vec4<f32>, {TY*20}>;
//#for t KEPT
var<workgroup> ws{t}: array<Kept{t}, {TX*20}>;
//#endfor

@compute @workgroup_size({TX*TY})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = row_count(shape.rows);
    let col_tiles = (shape.out + {TX*4-1}u) / {TX*4}u;
    let tile = group.x + group.y * groups.x + shape.first;
    let row0 = (tile / col_tiles) * {TY*4}u;
    let col0 = (tile % col_tiles) * {TX*4}u;
    if (row0 >= rows) { return; }
    let tx = lane % {TX}u;
    let ty = lane / {TX}u;
//#for i 4
//#for j 4
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
    let depth0 = shape.in4;
    let depth1 = shape.rank4;
    let scale0 = 1.0;
    let scale1 = shape.scale;
//#for t TERMS
    for (var start = 0u; start < depth{t}; start += 4u) {
        for (var i = lane; i < {TY*16}u; i += {TX*TY}u) {
            let k = start + i % 4u;
            let at = min(row0 + i / 4u, rows - 1u) * depth{t} + min(k, depth{t} - 1u);
            xs[(i / 4u) * 5u + i % 4u] = select(vec4<f32>(0.0), scale{t} * x{t}[at], k < depth{t});
        }
        for (var i = lane; i < {TX*16}u; i += {TX*TY}u) {
            let k = min(start + i % 4u, depth{t} - 1u);
            let c = row_start{t}(min(col0 + i / 4u, shape.out - 1u), depth{t});
            ws{t*HALF}[(i / 4u) * 5u + i % 4u] = Kept{t*HALF}(weights{t}(c, k, scales{t}(c, k / SPAN{t})));
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
//#for i 4
            let p{i} = xs[(ty + {i*TY}u) * 5u + k];
//#endfor
//#for j 4
            let q{j} = vec4<f32>(ws{t*HALF}[(tx + {j*TX}u) * 5u + k]);
//#for i 4
            s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
        }
        workgroupBarrier();
    }
//#endfor
    let width = (shape.out + 3u) / 4u * 4u;
//#for i 4
//#for j 4
    {
        let row = row0 + ty + {i*TY}u;
        let col = col0 + tx + {j*TX}u;
        if (row < rows && col < width) {
            let at = (row * shape.stride4 + shape.offset4) * 4u + col;
            var sum = s{i}_{j};
            if (shape.accumulate == 1u) { sum += y[at]; }
            y[at] = select(0.0, sum, col < shape.out);
        }
    }
//#endfor
//#endfor
}
