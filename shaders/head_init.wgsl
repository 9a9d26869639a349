// Initial state of the fused head: running maxima at the lowest value, sums at 0. state is [R, 16];
// head_reduce.wgsl describes its layout. Each invocation initialises one response token.
//#include common
@group(0) @binding(2) var<storage, read_write> state: array<vec4<f32>>;

const LOWEST: f32 = -3.0e38;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 64u;
    if (r >= dyn.responses) { return; }
    state[r * 4u] = vec4<f32>(LOWEST, 0.0, LOWEST, 0.0);
    state[r * 4u + 1u] = vec4<f32>(LOWEST, 0.0, 0.0, 0.0);
    state[r * 4u + 2u] = vec4<f32>(0.0);
    state[r * 4u + 3u] = vec4<f32>(0.0);
}
