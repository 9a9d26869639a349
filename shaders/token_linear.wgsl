// The linear layers of a decoded token, for TM rows and up to three matrices with the same input:
//   y[row, matrix, col] (=|+=) x[row]·W[col] + u[row]·B[col] + bias[col]
//
// The matrices are rows of w, and their columns of y follow each other. x is [TM, 4·stride4]: the
// features and then, with LOW, the u of each matrix (token_norm.wgsl). B is [columns, rank] in
// params. Adding to y is the residual connection. Columns of y from the last one up to the next
// multiple of 4 become 0. Source: linear_forward.wgsl; for decoding, one dispatch does more.
//
// With FIRST there is one matrix, and the workgroups from first on compute u = scale·A·x instead,
// the first half of its adapter. A is [rank, features] in params, u [TM, rank]. The next
// token_norm.wgsl adds B·u.
//
// Each team of TEAM invocations computes TN columns (token_product.wgsl): 1 invocation and several
// columns on CPU devices, 16 invocations and 1 column on GPUs. CPU devices run text with a barrier
// more slowly, so only the form for GPUs has one.
//#include common
//#include token_form
//#if SHARED
//#let TN 1
//#else
//#let TN 8
//#endif
//#let t 0
//#include weights
//#include token_shape
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
//#if BIAS
@group(0) @binding(5) var<storage, read> bias: array<f32>;
//#endif
//#if LOW || FIRST
@group(0) @binding({5+BIAS}) var<storage, read> params: array<vec4<f32>>;
//#endif
//#if FIRST
@group(0) @binding({6+BIAS}) var<storage, read_write> u: array<f32>;
//#endif
//#if TEAM > 1
var<workgroup> sums: array<f32, {GROUP*TM*TN}>;
//#endif

// A matrix and the tile of TN columns in it.
struct Tile {
    tile: u32,
    n: u32,
    w: u32,
    bias: u32,
    out: u32,       // first column of y
    b: u32,
    rank4: u32,
    low: u32,       // first vec4 of u
}

//#if FIRST
fn locate(tile: u32) -> Tile { return Tile(tile, shape.n0, 0u, 0u, 0u, 0u, 0u, 0u); }
//#else
fn tiles(n: u32) -> u32 { return (n + {TN-1}u) / {TN}u; }

fn locate(tile: u32) -> Tile {
    let r = vec3<u32>(shape.ranks & 1023u, (shape.ranks >> 10u) & 1023u, shape.ranks >> 20u);
    let first = tiles(shape.n0);
    if (tile < first) { return Tile(tile, shape.n0, 0u, 0u, 0u, shape.b0, r.x, 0u); }
    let second = first + tiles(shape.n1);
    if (tile < second) {
        return Tile(tile - first, shape.n1, shape.w1, shape.bias1, shape.n0, shape.b1, r.y, r.x);
    }
    // Invocations beyond the last tile repeat columns and store nothing.
    return Tile(tile - second, shape.n2, shape.w2, shape.bias2, shape.n0 + shape.n1, shape.b2, r.z, r.x + r.y);
}
//#endif

@compute @workgroup_size({GROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let depth = shape.in4;
    let stride4 = shape.stride4;
    let part = lane % {TEAM}u;
    let index = group.x + group.y * groups.x;
    let m = locate(index * {GROUP/TEAM}u + lane / {TEAM}u);
    let col = m.tile * {TN}u;
    let last = max(m.n, 1u) - 1u;
//#for j TN
    let c{j} = m.w + row_start0(min(col + {j}u, last), depth);
//#endfor
//#for i TM
//#for j TN
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
//#if FIRST
    let r = (index - shape.first) * {GROUP/TEAM}u + lane / {TEAM}u;
    if (index >= shape.first) {
        let a = shape.a + min(r, shape.rank - 1u) * depth;
        for (var k = part; k < depth; k += {TEAM}u) {
            let v = params[a + k];
//#for i TM
            s{i}_0 += dot(x[{i}u * stride4 + k], v);
//#endfor
        }
    } else {
//#include token_product
    }
//#else
//#include token_product
//#endif
//#if LOW
    for (var r = part; r < m.rank4; r += {TEAM}u) {
//#for i TM
        let l{i} = x[{i}u * stride4 + depth + m.low + r];
//#endfor
//#for j TN
        let b{j} = params[m.b + min(col + {j}u, last) * m.rank4 + r];
//#for i TM
        s{i}_{j} += dot(l{i}, b{j});
//#endfor
//#endfor
    }
//#endif
//#include token_team
    if (part != 0u) { return; }
//#if FIRST
    if (index >= shape.first) {
//#for i TM
        if (r < shape.rank) { u[{i}u * shape.rank + r] = shape.scale * s{i}_0; }
//#endfor
        return;
    }
//#endif
//#for j TN
    if (col + {j}u < (m.n + 3u) / 4u * 4u) {
        let real = col + {j}u < m.n;
//#for i TM
        {
            let at = {i}u * shape.out + m.out + col + {j}u;
            var v = select(0.0, s{i}_{j}, real);
//#if BIAS
            if (real) { v += bias[m.bias + col + {j}u]; }
//#endif
            if (shape.add == 1u) { v += y[at]; }
            y[at] = v;
        }
//#endfor
    }
//#endfor
}
