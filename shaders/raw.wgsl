// Declarations of the kernels that read the bytes of a model file: raw holds the bytes as in the
// file, padded to complete words. Blocks may start in the middle of a word, at an even byte.
@group(0) @binding(2) var<storage, read> raw: array<u32>;

fn octet(at: u32) -> u32 { return (raw[at >> 2u] >> ((at & 3u) * 8u)) & 255u; }

fn octets(at: u32) -> vec4<u32> { return vec4<u32>(octet(at), octet(at + 1u), octet(at + 2u), octet(at + 3u)); }

// pair reads 16 bits at an even byte.
fn pair(at: u32) -> u32 { return (raw[at >> 2u] >> ((at & 2u) * 8u)) & 0xffffu; }

// wide converts an IEEE binary16 to f32, exactly. It works on bits, because unpack2x16float may
// flush subnormals to 0. Infinities and NaNs are kept; the check of the loaded weights finds them.
fn wide(half: u32) -> f32 {
    let sign = (half & 0x8000u) << 16u;
    let exponent = (half >> 10u) & 31u;
    let mantissa = half & 1023u;
    // A subnormal is mantissa · 2⁻²⁴, which f32 holds as a normal number.
    if (exponent == 0u) { return bitcast<f32>(sign | bitcast<u32>(f32(mantissa) * 5.9604644775390625e-8)); }
    return bitcast<f32>(sign | (select(exponent + 112u, 255u, exponent == 31u) << 23u) | (mantissa << 13u));
}

fn binary16(at: u32) -> f32 { return wide(pair(at)); }

// stored returns the row of the file that holds a row of the matrix. paired > 0: llama.cpp has
// reordered the rows of each head (paired rows), so that rows which rotate together are adjacent:
// row 2i+j of the file is row j·paired/2+i.
fn stored(row: u32, paired: u32) -> u32 {
    if (paired == 0u) { return row; }
    let r = row % paired;
    let half_rows = paired / 2u;
    return row - r + 2u * (r % half_rows) + r / half_rows;
}
