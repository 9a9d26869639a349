// Token weights ω of the NextQuill objective, from the causal effect under θ_D:
//   binary: ω = λ if dce > δ else ε
//   SOFT:   ω = clamp(logp_with − logp_without, ε, λ)
// From ω follow the weight of each token in L_n (ω or 1) and in L_p (ω or 1). With PLAUSIBLE, the
// weight in L_p is 0 where the probability of the token is below β times the largest one: the mask
// of contrastive decoding (Li et al. 2023).
//
// With EXPERT, expert [R, 2] holds logp_with and logp_without under a frozen θ_D, and the dce in
// tokens becomes that of θ_D. Without EXPERT, θ_D is the live model. tokens is [R, 12].
//#include common
struct Shape {
    delta: f32,
    lambda: f32,
    epsilon: f32,
    log_beta: f32,
    weight_ntp: u32,    // weight in L_n: 1 for ω, 0 for 1
    weight_align: u32,  // weight in L_p: 1 for ω, 0 for 1
}
@group(0) @binding(0) var<uniform> shape: Shape;
//#if EXPERT
@group(0) @binding(2) var<storage, read> expert: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> tokens: array<vec4<f32>>;
//#else
@group(0) @binding(2) var<storage, read_write> tokens: array<vec4<f32>>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 64u;
    if (r >= dyn.responses) { return; }
    var t = tokens[r * 3u];
//#if EXPERT
    let logp = expert[r];
    t.z = exp(logp.x) - exp(logp.y);
//#else
    let logp = t.xy;
//#endif
//#if SOFT
    t.w = clamp(logp.x - logp.y, shape.epsilon, shape.lambda);
//#else
    t.w = select(shape.epsilon, shape.lambda, t.z > shape.delta);
//#endif
    var align = select(1.0, t.w, shape.weight_align != 0u);
//#if PLAUSIBLE
    if (tokens[r * 3u + 1u].z < shape.log_beta) { align = 0.0; }
//#endif
    tokens[r * 3u] = t;
    tokens[r * 3u + 2u] = vec4<f32>(select(1.0, t.w, shape.weight_ntp != 0u), align, 0.0, 0.0);
}
