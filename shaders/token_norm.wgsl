// RMSNorm of a decoded token as in rmsnorm.wgsl, and with LOW the first half of the adapters of up
// to three linear layers that read it: h = x · rstd · gain and u = scale · A·h.
//
// x is [rows, features], gain [features]; features is a multiple of 4. A is [rank, features], in
// params. out is [rows, stride]: h and then the u of each adapter. Workgroup (n, row) computes the
// n-th four values of u and a part of h; its invocations divide the row among them.
//#include common
struct Shape {
    vecs: u32,      // features / 4
    stride4: u32,   // row stride of out / 4
    eps: f32,
    rank0: u32,     // rank / 4 of each adapter
    rank1: u32,
    a0: u32,        // starts of A in params / 4
    a1: u32,
    a2: u32,
    scale0: f32,
    scale1: f32,
    scale2: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
var<workgroup> squares: array<f32, {LANES}>;
//#if LOW
@group(0) @binding(5) var<storage, read> params: array<vec4<f32>>;
var<workgroup> products: array<vec4<f32>, {LANES}>;
//#endif

@compute @workgroup_size({LANES})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let vecs = shape.vecs;
    let base = group.y * vecs;
    var square = vec4<f32>(0.0);
//#if LOW
    var product = vec4<f32>(0.0);
    var a = shape.a0;
    var scale = shape.scale0;
    var block = group.x;
    if (block >= shape.rank0) {
        block -= shape.rank0;
        a = shape.a1;
        scale = shape.scale1;
        if (block >= shape.rank1) {
            block -= shape.rank1;
            a = shape.a2;
            scale = shape.scale2;
        }
    }
    a += 4u * block * vecs;
//#endif
    for (var i = lane; i < vecs; i += {LANES}u) {
        let v = x[base + i];
        square += v * v;
//#if LOW
        let h = v * gain[i];
        product += vec4<f32>(
            dot(h, params[a + i]),
            dot(h, params[a + vecs + i]),
            dot(h, params[a + 2u * vecs + i]),
            dot(h, params[a + 3u * vecs + i]),
        );
//#endif
    }
    squares[lane] = (square.x + square.y) + (square.z + square.w);
//#if LOW
    products[lane] = product;
//#endif
    workgroupBarrier();
    var sum = 0.0;
    for (var n = 0u; n < {LANES}u; n++) { sum += squares[n]; }
    let rstd = 1.0 / sqrt(sum / f32(4u * vecs) + shape.eps);
    let first = group.y * shape.stride4;
    for (var i = group.x * {LANES}u + lane; i < vecs; i += groups.x * {LANES}u) {
        out[first + i] = x[base + i] * rstd * gain[i];
    }
//#if LOW
    if (lane == 0u) {
        for (var n = 1u; n < {LANES}u; n++) { product += products[n]; }
        out[first + vecs + group.x] = scale * (rstd * product);
    }
//#endif
}
