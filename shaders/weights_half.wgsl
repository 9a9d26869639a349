// A matrix of weights as in weights_f16.wgsl, for devices with shader-f16: they load binary16 and
// keep it in workgroup memory. weights_f32.wgsl describes the declarations.
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<vec4<f16>>;

const SPAN{t}: u32 = 0x40000000u;
alias Kept{t} = vec4<f16>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * vecs; }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return vec2<f32>(1.0, 0.0); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> { return vec4<f32>(w{t}[base + k]); }
