// A matrix of weights in blocks of 32 along a row: x = d·q with an f32 d and signed bytes q. A
// block is 9 words, d and then the bytes in order; the last block of a row may be partly empty.
// weights_f32.wgsl describes the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<u32>;

const SPAN{t}: u32 = 8u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * ((vecs + 7u) / 8u * 9u); }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return vec2<f32>(bitcast<f32>(w{t}[base + span * 9u]), 0.0); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> {
    let word = vec4<u32>(w{t}[base + k / 8u * 9u + k % 8u + 1u]);
    return s.x * vec4<f32>(bitcast<vec4<i32>>(word << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}
