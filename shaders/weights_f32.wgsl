// A matrix of weights [rows, columns] as f32, read in vec4s. Each weights_*.wgsl declares the same
// five things for operand {t} of a product, so that one kernel reads all formats (kernels.Format):
//   SPAN         number of vec4s that share their scales
//   Kept         type of a vec4 in workgroup memory
//   row_start    start of a row of so many vec4s
//   scales       the scales of span number n of a row
//   weights      vec4 k of a row
@group(0) @binding({t*3+3}) var<storage, read> w{t}: array<vec4<f32>>;

const SPAN{t}: u32 = 0x40000000u;
alias Kept{t} = vec4<f32>;

fn row_start{t}(row: u32, vecs: u32) -> u32 { return row * vecs; }

fn scales{t}(base: u32, span: u32) -> vec2<f32> { return vec2<f32>(1.0, 0.0); }

fn weights{t}(base: u32, k: u32, s: vec2<f32>) -> vec4<f32> { return w{t}[base + k]; }
