// Converts blocks of 256 quantized values of a GGUF file to f32: ggml's Q4_K, Q5_K (with FIFTH) and
// Q6_K (with SIX).
//   Q4_K, Q5_K: binary16 d and dmin; 12 bytes with a 6-bit scale and minimum for each 32 values;
//   in Q5_K 32 bytes of fifth bits; 128 bytes, where two parts of 32 values share 32 bytes;
//   x = d·scale·q − dmin·minimum
//   Q6_K: 128 bytes of low bits, 64 of high bits, a signed scale for each 16 values, binary16 d;
//   x = d·scale·(q − 32)
//
// raw is declared in raw.wgsl; out is [n] f32. The products are exact in f32, so the only rounding
// is that of the difference. Each invocation writes four values.
//#include common
//#include raw
struct Shape {
    vecs: u32,      // n/4
    width: u32,     // values per row, a multiple of 256
    paired: u32,    // rows per head, or 0
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

const BLOCK: u32 = {BLOCK}u; // bytes per block

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.vecs) { return; }
    let n = stored(4u * i / shape.width, shape.paired) * shape.width + 4u * i % shape.width;
    let block = n / 256u * BLOCK;
    let j = n % 256u;
//#if SIX
    let half_block = j / 128u;
    let part = j / 32u % 4u;
    let low = octets(block + 64u * half_block + 32u * (part % 2u) + j % 32u) >> vec4<u32>(part / 2u * 4u);
    let high = octets(block + 128u + 32u * half_block + j % 32u) >> vec4<u32>(2u * part);
    let q = vec4<f32>((low & vec4<u32>(15u)) | ((high & vec4<u32>(3u)) << vec4<u32>(4u))) - vec4<f32>(32.0);
    let scale = bitcast<i32>(octet(block + 192u + j / 16u) << 24u) >> 24u;
    out[i] = binary16(block + 208u) * f32(scale) * q;
//#else
    let part = j / 32u;
    var scale = 0u;
    var minimum = 0u;
    if (part < 4u) {
        scale = octet(block + 4u + part) & 63u;
        minimum = octet(block + 8u + part) & 63u;
    } else {
        let low = octet(block + 8u + part);
        scale = (low & 15u) | ((octet(block + part) >> 6u) << 4u);
        minimum = (low >> 4u) | ((octet(block + 4u + part) >> 6u) << 4u);
    }
    var q = (octets(block + BLOCK - 128u + part / 2u * 32u + j % 32u) >> vec4<u32>(part % 2u * 4u)) & vec4<u32>(15u);
//#if FIFTH
    q = q | (((octets(block + 16u + j % 32u) >> vec4<u32>(part)) & vec4<u32>(1u)) << vec4<u32>(4u));
//#endif
    let least = binary16(block + 2u) * f32(minimum);
    out[i] = binary16(block) * f32(scale) * vec4<f32>(q) - vec4<f32>(least);
//#endif
}
