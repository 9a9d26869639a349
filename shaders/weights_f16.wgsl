// A matrix of weights as binary16, two in a word, the first in the low half: the layout of a file
// of type F16. weights_f32.wgsl describes the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<vec2<u32>>;

const SPAN{t}: u32 = 0x40000000u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * vecs; }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return vec2<f32>(1.0, 0.0); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> {
    let v = w{t}[base + k];
    return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
}
