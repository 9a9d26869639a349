// A matrix of weights in blocks of 32 along a row: x = d·q + m with binary16 d and m, and q from 0
// to 15. Four blocks form a group of 5 vec4s: a word with the scales of each block, d in the low
// half and m in the high half, then a vec4 for the q of each block, so that one aligned load gets
// them. The last group of a row has a vec4 only for each of its blocks, and scales 0 for the
// others. Value i is in the low bits and value i+16 in the high bits of byte i, as in ggml's Q4_1.
// d·q has 15 bits, so there is one rounding. weights_f32.wgsl describes the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<vec4<u32>>;

const SPAN{t}: u32 = 8u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * ((vecs + 7u) / 8u + (vecs + 31u) / 32u); }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return unpack2x16float(w{t}[base + span / 4u * 5u][span % 4u]); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> {
    let word = vec4<u32>(w{t}[base + k / 32u * 5u + k / 8u % 4u + 1u][k % 4u] >> (k & 4u));
    return s.x * vec4<f32>((word >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u)) + s.y;
}
