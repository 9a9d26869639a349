// RMSNorm of a decoded token as in rmsnorm.wgsl, and with LOW the first half of the adapters of up
// to three linear layers that read it: h = x · rstd · gain and u = scale · A·h.
//
// x is [rows, features], gain [features]; features is a multiple of 4. A is [rank, features], in
// params. out is [rows, 4·stride4]: h and then the u of each adapter. With SECOND, x is first
// completed to x + B·v, the second half of the adapter of the linear layer that gave x, and written
// to complete: v is [rows, rank], B [features, rank] in params.
//
// Workgroup (n, row) computes the n-th eight values of u and a part of h; its invocations divide
// the row among them.
//#include common
struct Shape {
    vecs: u32,      // features / 4
    stride4: u32,   // row stride of out / 4
    eps: f32,
    rank0: u32,     // rank / 4 of each adapter
    rank1: u32,
    rank2: u32,
    a0: u32,        // starts of A in params / 4
    a1: u32,
    a2: u32,
    scale0: f32,
    scale1: f32,
    scale2: f32,
    rank: u32,      // of v, / 4
    b: u32,         // start of B in params / 4
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
//#if LOW || SECOND
@group(0) @binding(5) var<storage, read> params: array<vec4<f32>>;
//#endif
//#if SECOND
@group(0) @binding(6) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> complete: array<vec4<f32>>;
//#endif
var<workgroup> squares: array<f32, {LANES}>;
//#if LOW
var<workgroup> products: array<vec4<f32>, {2*LANES}>;

struct Factor {
    first: u32,     // vec4 of params, for four rows
    scale: f32,     // 0 beyond the last adapter
}

fn factor(n: u32) -> Factor {
    let rows = 4u * shape.vecs;
    if (n < shape.rank0) { return Factor(shape.a0 + n * rows, shape.scale0); }
    let second = n - shape.rank0;
    if (second < shape.rank1) { return Factor(shape.a1 + second * rows, shape.scale1); }
    let third = second - shape.rank1;
    if (third < shape.rank2) { return Factor(shape.a2 + third * rows, shape.scale2); }
    return Factor(0u, 0.0);
}
//#endif

fn input(row: u32, i: u32) -> vec4<f32> {
    var sum = x[row * shape.vecs + i];
//#if SECOND
    let b = shape.b + 4u * i * shape.rank;
    for (var r = 0u; r < shape.rank; r++) {
        let low = v[row * shape.rank + r];
        sum += vec4<f32>(
            dot(low, params[b + r]),
            dot(low, params[b + shape.rank + r]),
            dot(low, params[b + 2u * shape.rank + r]),
            dot(low, params[b + 3u * shape.rank + r]),
        );
    }
//#endif
    return sum;
}

@compute @workgroup_size({LANES})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let vecs = shape.vecs;
    let row = group.y;
    var square = vec4<f32>(0.0);
//#if LOW
//#for n 2
    let f{n} = factor(group.x * 2u + {n}u);
    var product{n} = vec4<f32>(0.0);
//#endfor
//#endif
    for (var i = lane; i < vecs; i += {LANES}u) {
        let value = input(row, i);
        square += value * value;
//#if LOW
        let h = value * gain[i];
//#for n 2
        product{n} += vec4<f32>(
            dot(h, params[f{n}.first + i]),
            dot(h, params[f{n}.first + vecs + i]),
            dot(h, params[f{n}.first + 2u * vecs + i]),
            dot(h, params[f{n}.first + 3u * vecs + i]),
        );
//#endfor
//#endif
    }
    squares[lane] = (square.x + square.y) + (square.z + square.w);
//#if LOW
    products[lane] = product0;
    products[{LANES}u + lane] = product1;
//#endif
    workgroupBarrier();
    var sum = 0.0;
    for (var n = 0u; n < {LANES}u; n++) { sum += squares[n]; }
    let rstd = 1.0 / sqrt(sum / f32(4u * vecs) + shape.eps);
    for (var i = group.x * {LANES}u + lane; i < vecs; i += groups.x * {LANES}u) {
        let value = input(row, i);
        out[row * shape.stride4 + i] = value * rstd * gain[i];
//#if SECOND
        complete[row * vecs + i] = value;
//#endif
    }
//#if LOW
    if (lane < 2u) {
        let at = group.x * 2u + lane;
        var low = vec4<f32>(0.0);
        for (var n = 0u; n < {LANES}u; n++) { low += products[lane * {LANES}u + n]; }
        if (at < shape.rank0 + shape.rank1 + shape.rank2) {
            out[row * shape.stride4 + vecs + at] = factor(at).scale * (rstd * low);
        }
    }
//#endif
}
