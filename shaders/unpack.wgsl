// Converts plain values of a model file to f32: F32, F16, or BF16 (the upper half of an f32). Value
// i of 16 bits is the low (even i) or high half of raw[i / 2].
//
// raw is declared in raw.wgsl; out is [4·vecs] f32. width and paired are for matrices whose rows
// have another order in the file. Each invocation writes four values.
//#include common
//#include raw
struct Shape {
    vecs: u32,      // values / 4, rounded up
    width: u32,     // vec4s per row
    paired: u32,    // rows per head, or 0
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.vecs) { return; }
    let source = stored(i / shape.width, shape.paired) * shape.width + i % shape.width;
//#if F32
    out[i] = vec4<u32>(raw[4u * source], raw[4u * source + 1u], raw[4u * source + 2u], raw[4u * source + 3u]);
//#else
    let v = vec2<u32>(raw[2u * source], raw[2u * source + 1u]);
    let halves = vec4<u32>(v.x & 0xffffu, v.x >> 16u, v.y & 0xffffu, v.y >> 16u);
//#if BF16
    out[i] = halves << vec4<u32>(16u);
//#else
    out[i] = bitcast<vec4<u32>>(vec4<f32>(wide(halves.x), wide(halves.y), wide(halves.z), wide(halves.w)));
//#endif
//#endif
}
