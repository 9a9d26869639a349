// The factors of each token's cross-entropies in the loss L = (1/Z_n) Σ w_n CE_n + α (1/Z_p)
// Σ w_p CE(z^h − z^0, y): coef[r] = (w_n / Z_n, α · w_p / Z_p).
//
// Z_n and Z_p are dyn.norm_ntp and dyn.norm_align. Where those are 0, they are the sums of w_n and
// w_p that weight_sums.wgsl wrote to row dyn.slot of sums. A weight of 0 gives 0, even if Z is 0.
// tokens is [R, 12], coef is [R, 2]. Without DUAL coef[r].y = 0.
//#include common
struct Shape {
    alpha: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> tokens: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> sums: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> coef: array<vec2<f32>>;

fn ratio(weight: f32, fixed_norm: f32, sum: f32) -> f32 {
    let z = select(sum, fixed_norm, fixed_norm > 0.0);
    if (weight == 0.0 || z == 0.0) { return 0.0; }
    return weight / z;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 64u;
    if (r >= dyn.responses) { return; }
    let weights = tokens[r * 3u + 2u];
    let sum = sums[dyn.slot * 4u];
    var align = 0.0;
//#if DUAL
    align = shape.alpha * ratio(weights.y, dyn.norm_align, sum.w);
//#endif
    coef[r] = vec2<f32>(ratio(weights.x, dyn.norm_ntp, sum.z), align);
}
