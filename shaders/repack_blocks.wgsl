// Converts GGUF blocks of 32 values to the blocks of Q8 or Q4 (weights_q8.wgsl, weights_q4.wgsl)
// that hold exactly the same values: Q8_0 and, with FIFTH, Q5_0 become Q8; Q4_0 and, with MINIMUM,
// Q4_1 become Q4 (Q4_0 with the minimum −8·d). unpack_blocks.wgsl describes the blocks of the file.
//
// raw (raw.wgsl) is [rows·blocks · BLOCK bytes], out is u32. Each invocation writes one block.
// invalid becomes NaN if a scale is not finite; otherwise it stays as it is. All values of a block
// with finite scales are finite.
//#include common
//#include raw
struct Shape {
    rows: u32,
    blocks: u32,    // blocks per row
    paired: u32,    // rows per head, or 0
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@group(0) @binding(4) var<storage, read_write> invalid: atomic<u32>;

//#let VALUES 4+4*BYTES
//#include blocks
const BLOCK: u32 = {BLOCK}u; // bytes per block
const QUANTS: u32 = {QUANTS}u; // offset of the quants in a block

fn word(at: u32) -> u32 { return pair(at) | (pair(at + 2u) << 16u); }

// check_finite reports a scale in binary16 that is not finite.
fn check_finite(scale: u32) {
    if ((scale & 0x7c00u) == 0x7c00u) { atomicStore(&invalid, 0x7fc00000u); }
}

// eight returns −8·d: it adds 3 to the exponent of −d. If binary16 cannot hold that, the result is
// an infinity, which check_finite reports.
fn eight(d: u32) -> u32 {
    let sign = (d & 0x8000u) ^ 0x8000u;
    let magnitude = d & 0x7fffu;
    if (magnitude >= 0x7000u) { return sign | 0x7c00u; }
    if (magnitude >= 0x0400u) { return sign | (magnitude + 0x0c00u); }
    // A subnormal is a multiple of 2⁻²⁴: multiply the factor by 8.
    let steps = f32(magnitude * 8u);
    if (steps < 1024.0) { return sign | (magnitude * 8u); }
    return sign | ((bitcast<u32>(steps * 5.9604644775390625e-8) - 0x38000000u) >> 13u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= shape.rows * shape.blocks) { return; }
    let row = i / shape.blocks;
    let n = i % shape.blocks;
    let block = (stored(row, shape.paired) * shape.blocks + n) * BLOCK;
    let at = first_value(row, n, shape.blocks);
    let d = pair(block);
    check_finite(d);
//#if BYTES
    put_scales(row, n, shape.blocks, bitcast<u32>(binary16(block)));
    for (var k = 0u; k < 8u; k++) {
//#if FIFTH
        let low = (word(block + QUANTS + k % 4u * 4u) >> (k / 4u * 4u)) & 0x0f0f0f0fu;
        let fifth = (word(block + 2u) >> (4u * k)) & 15u;
        let spread = (fifth & 1u) | ((fifth & 2u) << 7u) | ((fifth & 4u) << 14u) | ((fifth & 8u) << 21u);
        // q − 16 in a byte: if the fifth bit is 0, bits 4 to 7 are 1.
        out[at + k] = low | ((spread ^ 0x01010101u) * 0xf0u);
//#else
        out[at + k] = word(block + QUANTS + 4u * k);
//#endif
    }
//#else
//#if MINIMUM
    let minimum = pair(block + 2u);
//#else
    let minimum = eight(d);
//#endif
    check_finite(minimum);
    put_scales(row, n, shape.blocks, d | (minimum << 16u));
    for (var k = 0u; k < 4u; k++) { out[at + k] = word(block + QUANTS + 4u * k); }
//#endif
}
