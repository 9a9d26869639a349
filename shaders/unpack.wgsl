// 16-bit weights to f32: value i is the low (even i) or high half of raw[i / 2],
// an IEEE binary16 or (BF16) the upper half of an f32, as safetensors stores them.
//
// raw [n/2] u32, out [n] f32. Done on bits, because unpack2x16float may flush
// subnormals; exact for all inputs, infinities and NaN included. One invocation
// writes four values; buffers are padded to 16 bytes.
struct Shape {
    vecs: u32,      // n/4, rounded up
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> raw: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

//#if BF16
fn widen(half: vec4<u32>) -> vec4<u32> { return half << vec4<u32>(16u); }
//#else
fn widen(half: vec4<u32>) -> vec4<u32> {
    let sign = (half & vec4<u32>(0x8000u)) << vec4<u32>(16u);
    let exponent = (half >> vec4<u32>(10u)) & vec4<u32>(31u);
    let mantissa = half & vec4<u32>(1023u);
    let normal = ((exponent + vec4<u32>(112u)) << vec4<u32>(23u)) | (mantissa << vec4<u32>(13u));
    let special = vec4<u32>(0x7f800000u) | (mantissa << vec4<u32>(13u));
    // A subnormal is mantissa · 2⁻²⁴, which f32 holds as a normal number.
    let subnormal = bitcast<vec4<u32>>(vec4<f32>(mantissa) * 5.9604644775390625e-8);
    var bits = select(normal, special, exponent == vec4<u32>(31u));
    bits = select(bits, subnormal, exponent == vec4<u32>(0u));
    return sign | bits;
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.vecs) { return; }
    let pair = raw[i];
    out[i] = widen(vec4<u32>(pair.x & 0xffffu, pair.x >> 16u, pair.y & 0xffffu, pair.y >> 16u));
}
