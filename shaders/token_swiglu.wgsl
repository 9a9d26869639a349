// The first half of the MLP of a decoded token, for TM rows: y = silu(gate) · up with gate and up
// as in token_linear.wgsl (SwiGLU, Shazeer 2020), and with DOWN the part of scale·A·y of the next
// layer's adapter that the columns of this workgroup give.
//
// x is [TM, 4·stride4] as in token_linear.wgsl. y is [TM, out]: columns features and then, with
// DOWN, rank values for each workgroup. A is [rank, columns], in params as B.
//
// Each team computes TN/2 columns.
//#include common
//#let t 0
//#include weights
struct Shape {
    in4: u32,       // features of x / 4
    stride4: u32,   // row stride of x / 4
    out: u32,       // row stride of y
    n: u32,         // columns
    up: u32,        // start of up in w; gate starts at 0
    b0: u32,        // starts of B of gate and up in params / 4
    b1: u32,
    ranks: u32,     // rank / 4 of gate and up, in 10 bits each
    partials: u32,
    a: u32,         // start of A in params / 4
    rank: u32,      // of A
    scale: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
//#if LOW || DOWN
@group(0) @binding(5) var<storage, read> params: array<vec4<f32>>;
//#endif
//#if LOW
var<workgroup> low: array<vec4<f32>, {LOW}>;
//#endif
//#if TEAM > 1
var<workgroup> sums: array<f32, {GROUP*TM*TN}>;
//#endif
//#let PAIRS TN/2
//#let COLS GROUP/TEAM*PAIRS
//#if DOWN
var<workgroup> kept: array<f32, {TM*COLS}>;
//#endif

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
    let index = group.x + group.y * groups.x;
    let place = lane / {TEAM}u * {PAIRS}u;
    let col = index * {COLS}u + place;
//#for j PAIRS
    let c{j} = row_start0(min(col + {j}u, shape.n - 1u), depth);
    let c{j+PAIRS} = shape.up + c{j};
//#endfor
//#if LOW
    let rank0 = shape.ranks & 1023u;
    let rank1 = shape.ranks >> 10u;
    let low4 = rank0 + rank1;
//#include token_low
//#endif
//#include token_product
//#if LOW
//#for m 2
    for (var r = part; r < rank{m}; r += {TEAM}u) {
//#for i TM
        let l{i} = low[{i}u * low4 + {m}u * rank0 + r];
//#endfor
//#for j PAIRS
        let b{j} = params[shape.b{m} + min(col + {j}u, shape.n - 1u) * rank{m} + r];
//#for i TM
        s{i}_{m*PAIRS+j} += dot(l{i}, b{j});
//#endfor
//#endfor
    }
//#endfor
//#endif
//#include token_team
    if (part == 0u) {
//#for i TM
//#for j PAIRS
        let v{i}_{j} = select(0.0, swiglu(s{i}_{j}, s{i}_{PAIRS+j}), col + {j}u < shape.n);
        if (col + {j}u < shape.n) { y[{i}u * shape.out + col + {j}u] = v{i}_{j}; }
//#if DOWN
        kept[{i*COLS+j}u + place] = v{i}_{j};
//#endif
//#endfor
//#endfor
    }
//#if DOWN
    workgroupBarrier();
    let first = index * {COLS/4}u;
    let end = min({COLS/4}u, shape.n / 4u - min(first, shape.n / 4u));
    for (var n = lane; n < {TM}u * shape.rank; n += {GROUP}u) {
        let i = n / shape.rank;
        let r = n % shape.rank;
        var sum = 0.0;
        for (var k = 0u; k < end; k++) {
            let at = i * {COLS}u + k * 4u;
            let v = vec4<f32>(kept[at], kept[at + 1u], kept[at + 2u], kept[at + 3u]);
            sum += dot(v, params[shape.a + r * shape.n / 4u + first + k]);
        }
        y[i * shape.out + shape.n + index * shape.rank + r] = shape.scale * sum;
    }
//#endif
}
