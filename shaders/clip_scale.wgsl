// Global gradient norm and clipping factor, as in torch.nn.utils.clip_grad_norm_: norm[0] = √Σ
// partials; norm[1] = min(1, max_norm / (norm + 1e-6)); norm[2] is 1 if the norm is not finite
// (norm[1] is 0 then), else 0.
//
// partials [parts] come from gradnorm.wgsl; norm is [4]. max_norm 0 disables clipping. There is one
// workgroup: invocation t adds the partials t, t+64, …; then one invocation adds the 64 sums in
// order.
//#include common
struct Shape {
    parts: u32,
    max_norm: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) t: u32) {
    var sum = 0.0;
    for (var i = t; i < shape.parts; i += 64u) { sum += partials[i]; }
    sums[t] = sum;
    workgroupBarrier();
    if (t != 0u) { return; }
    var squares = 0.0;
    for (var i = 0u; i < 64u; i++) { squares += sums[i]; }
    let value = sqrt(squares);
    var scale = 1.0;
    if (shape.max_norm > 0.0) { scale = min(1.0, shape.max_norm / (value + 1e-6)); }
    // Test the bits: compilers may assume that no float is NaN or infinite.
    let broken = (bitcast<u32>(squares) & 0x7f800000u) == 0x7f800000u;
    norm[0] = value;
    norm[1] = select(scale, 0.0, broken);
    norm[2] = select(0.0, 1.0, broken);
    norm[3] = 0.0;
}
