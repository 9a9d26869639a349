// A matrix of weights in blocks of 32 along a row: x = d·q with an f32 d and signed bytes q. Four
// blocks form a group of 9 vec4s: the d of each block, then two vec4s for the q of each block in
// order. The last group of a row has those of its blocks only, and d 0 for the others; its last
// block may be partly empty. weights_f32.wgsl describes the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<vec4<u32>>;

const SPAN{t}: u32 = 8u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * ((vecs + 7u) / 8u * 2u + (vecs + 31u) / 32u); }

fn scales{t}(base: u32, span: u32) -> vec2<f32> {
    return vec2<f32>(bitcast<f32>(w{t}[base + span / 4u * 9u][span % 4u]), 0.0);
}

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> {
    let word = vec4<u32>(w{t}[base + k / 32u * 9u + k % 32u / 4u + 1u][k % 4u]);
    return s.x * vec4<f32>(bitcast<vec4<i32>>(word << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}
