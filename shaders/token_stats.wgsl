// What the objective needs of each response token, from the fused head's state:
//   logp = z[y] − maximum − log Σ e^(z−maximum)      nats, both branches
//   dce = e^logp_with − e^logp_without               Direct Causal Effect, probabilities
//   ce_mce = −(d[y] − maximum − log Σ …), d = z^h − z^0
//   margin = z^h[y] − maximum z^h                    log of p[y] over the likeliest p
// In this order of operations, differences of near numbers come first and stay exact.
//
// state [R, 16] from head_reduce.wgsl, tokens [R, 12] as core/kernels/loss.go says.
// Without DUAL what concerns the branch without history is 0. With EXPERT only the
// two logp come out, as expert [R, 2]: what token_weights.wgsl wants of a frozen θ_D.
//#include common
@group(0) @binding(2) var<storage, read> state: array<vec4<f32>>;
//#if EXPERT
@group(0) @binding(3) var<storage, read_write> expert: array<vec2<f32>>;
//#else
@group(0) @binding(3) var<storage, read_write> tokens: array<vec4<f32>>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 64u;
    if (r >= dyn.responses) { return; }
    let s = state[r * 4u];
    let d = state[r * 4u + 1u];
    let margin = d.z - s.x;
    let logp_with = margin - log(s.y);
//#if DUAL
    let logp_without = (d.w - s.z) - log(s.w);
    let dce = exp(logp_with) - exp(logp_without);
    let ce_mce = log(d.y) - ((d.z - d.w) - d.x);
//#else
    let logp_without = 0.0;
    let dce = 0.0;
    let ce_mce = 0.0;
//#endif
//#if EXPERT
    expert[r] = vec2<f32>(logp_with, logp_without);
//#else
    tokens[r * 3u] = vec4<f32>(logp_with, logp_without, dce, 0.0);
    tokens[r * 3u + 1u] = vec4<f32>(-logp_with, ce_mce, margin, 0.0);
    tokens[r * 3u + 2u] = vec4<f32>(0.0);
//#endif
}
