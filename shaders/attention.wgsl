// Declarations of the attention kernels: the Shape and the bindings 0 to 7. BACKWARD: the kernel
// computes gradients. BY_KEY: invocations hold keys and loop over queries; otherwise they hold
// queries and loop over keys.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    heads: u32,
    kv_heads: u32,
    scale: f32,
    scale2: f32,    // scale · log2(e)
    first: u32,     // workgroups before this part of the dispatch
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> v: array<vec4<f32>>;
//#if BY_KEY
@group(0) @binding(5) var<storage, read> key_ranges: array<vec2<u32>>;
//#else
@group(0) @binding(5) var<storage, read> ranges: array<vec4<u32>>;
//#endif
//#if BACKWARD
@group(0) @binding(6) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read> dout: array<vec4<f32>>;

const LOG2E: f32 = 1.4426950408889634;
//#else
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec2<f32>>;

// The score of a masked key. It is finite, so the difference of two masked scores is not NaN. Sums
// from before the first visible key are later multiplied by exp2(MASKED − max) = 0.
const MASKED: f32 = -1e30;
const LN2: f32 = 0.6931471805599453;
//#endif
