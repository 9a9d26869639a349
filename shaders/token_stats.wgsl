// The statistics of each response token that the objective needs, from the state of the fused head:
//   logp = z[y] − maximum − log Σ e^(z−maximum)      in nats, for both branches
//   dce = e^logp_with − e^logp_without               data-side causal effect, in probability
//   ce_mce = −(d[y] − maximum − log Σ …)             of the model-side causal effect d = z^h − z^0
//   margin = z^h[y] − maximum z^h                    log of p[y] over the largest p
// In this order of operations, similar numbers are subtracted first, which is exact.
//
// state [R, 16] comes from head_reduce.wgsl; core/kernels/loss.go describes tokens [R, 12]. Without
// DUAL the values that need the branch without history are 0. With EXPERT the kernel writes only
// the two logp, as expert [R, 2]: the input of token_weights.wgsl from a frozen θ_D.
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
