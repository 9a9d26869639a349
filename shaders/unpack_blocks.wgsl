// Converts blocks of 32 quantized values of a GGUF file (ggml's Q4_0, Q4_1, Q5_0, Q5_1, Q8_0) to
// f32. A block is a binary16 scale d; with MINIMUM a binary16 m; with FIFTH 32 bits; then the
// quants: with BYTES 32 signed bytes, else 16 bytes with the first 16 values in their low halves. x
// = d·(q − OFFSET) + m.
//
// raw (raw.wgsl) is [n/32 · BLOCK bytes], out is [n] f32. d·q has at most 19 bits, so the only
// rounding is that of the sum, fused or not: the result is exact to the bit on every device. Each
// invocation writes four values.
//#include common
//#include raw
struct Shape {
    vecs: u32,      // n/4
    width: u32,     // values per row, a multiple of 32
    paired: u32,    // rows per head, or 0
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

const BLOCK: u32 = {BLOCK}u; // bytes per block
const QUANTS: u32 = {QUANTS}u; // offset of the quants in a block
const OFFSET: f32 = {OFFSET}.0;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.vecs) { return; }
    let n = stored(4u * i / shape.width, shape.paired) * shape.width + 4u * i % shape.width;
    let block = (n / 32u) * BLOCK;
    let j = n % 32u;
//#if BYTES
    let q = vec4<f32>(bitcast<vec4<i32>>(octets(block + QUANTS + j) << vec4<u32>(24u)) >> vec4<u32>(24u));
//#else
    var bits = (octets(block + QUANTS + j % 16u) >> vec4<u32>((j / 16u) * 4u)) & vec4<u32>(15u);
//#if FIFTH
    let fifth = pair(block + QUANTS - 4u) | (pair(block + QUANTS - 2u) << 16u);
    bits = bits | (((vec4<u32>(fifth) >> (vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u))) & vec4<u32>(1u)) << vec4<u32>(4u));
//#endif
    let q = vec4<f32>(bits) - vec4<f32>(OFFSET);
//#endif
//#if MINIMUM
    out[i] = binary16(block) * q + vec4<f32>(binary16(block + 2u));
//#else
    out[i] = binary16(block) * q;
//#endif
}
