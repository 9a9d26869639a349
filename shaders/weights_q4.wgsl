// A matrix of weights in blocks of 32 along a row: x = d·q + m with binary16 d and m, and q from 0
// to 15. A block is 5 words: d in the low half of the first, m in the high half, then 16 bytes with
// value i in the low bits and value i+16 in the high bits of byte i. This is ggml's Q4_1, so such a
// file needs no repacking. d·q has 15 bits, so there is one rounding. weights_f32.wgsl describes
// the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<u32>;

const SPAN{t}: u32 = 8u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * ((vecs + 7u) / 8u * 5u); }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return unpack2x16float(w{t}[base + span * 5u]); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> {
    let word = vec4<u32>(w{t}[base + k / 8u * 5u + k % 4u + 1u] >> (k & 4u));
    return s.x * vec4<f32>((word >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u)) + s.y;
}
