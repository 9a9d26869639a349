// The Shape and the input x of token_linear and token_swiglu. CPU devices read x as a uniform of
// UNIFORM vec4s, if it is small enough: llvmpipe loads a storage buffer in a loop over SIMD lanes
// with a branch in each, but a uniform without branches.
struct Shape {
    in4: u32,       // features of x / 4
    stride4: u32,   // row stride of x / 4
    out: u32,       // row stride of y
    add: u32,       // 1: add to y
    n0: u32,        // columns of each matrix
//#if FIRST
    first: u32,
    a: u32,         // start of A in params / 4
    rank: u32,
    scale: f32,
//#else
    n1: u32,
    n2: u32,
    w1: u32,        // starts of the second and third matrix in w
    w2: u32,
    bias1: u32,     // and in bias
    bias2: u32,
    b0: u32,        // starts of B in params / 4
    b1: u32,
    b2: u32,
    ranks: u32,     // rank / 4 of each matrix, in 10 bits each
//#endif
}
//#if UNIFORM
@group(0) @binding(2) var<uniform> x: array<vec4<f32>, {UNIFORM}>;
//#else
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
//#endif
