// Partial sums of squares of a flat gradient, for the global norm: partials[first + i] = Σ grad[k]²
// over the vec4s i, i+parts, i+2·parts, …
//
// grad is [n]. partials holds the parts of all gradients of a step, one gradient after another.
// Neighbouring invocations read neighbouring vec4s. Each part has at most 65,535 terms (a limit of
// Mesa's CPU driver) in a fixed order, so that sums repeat bit for bit.
//#include common
struct Shape {
    n: u32,
    parts: u32,
    first: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= shape.parts) { return; }
    var squares = vec4<f32>(0.0);
    for (var i = id.x; i < shape.n / 4u; i += shape.parts) {
        let g = grad[i];
        squares += g * g;
    }
    // Padding lanes of the last vec4 are undefined.
    let whole = shape.n / 4u;
    if (whole % shape.parts == id.x && shape.n % 4u != 0u) {
        let inside = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(shape.n % 4u);
        let g = select(vec4<f32>(0.0), grad[whole], inside);
        squares += g * g;
    }
    partials[shape.first + id.x] = (squares.x + squares.y) + (squares.z + squares.w);
}
