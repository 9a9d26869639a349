// AdamW (Loshchilov & Hutter 2019) as in torch.optim.AdamW, with g = grad · norm[1]:
//   m = β₁ m + (1−β₁) g          v = β₂ v + (1−β₂) g²
//   param = param · (1 − lr · decay) − lr/bias1 · m / (√(v / bias2) + eps)
// lr, bias1 = 1−β₁ᵗ and bias2 = 1−β₂ᵗ come from dyn. If norm[2] is not 0, the gradient is not
// finite and the kernel changes nothing.
//
// grad, m, v and param are [n]; norm [4] comes from clip_scale.wgsl. Each invocation updates one
// vec4. Padding lanes of the last vec4 keep their values.
//#include common
struct Shape {
    n: u32,
    beta1: f32,
    rest1: f32,     // 1 − β₁, rounded once
    beta2: f32,
    rest2: f32,
    eps: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> norm: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> param: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= (shape.n + 3u) / 4u) { return; }
    let clip = norm[0];
    if (clip.z != 0.0) { return; }
    let g = grad[i] * clip.y;
    let m0 = m[i];
    let v0 = v[i];
    let p0 = param[i];
    let m1 = shape.beta1 * m0 + shape.rest1 * g;
    let v1 = shape.beta2 * v0 + shape.rest2 * g * g;
    let update = m1 / (sqrt(v1 / dyn.bias2) + shape.eps);
    let p1 = p0 * (1.0 - dyn.lr * shape.decay) - dyn.lr / dyn.bias1 * update;
    let inside = vec4<u32>(0u, 1u, 2u, 3u) + 4u * i < vec4<u32>(shape.n);
    m[i] = select(m0, m1, inside);
    v[i] = select(v0, v1, inside);
    param[i] = select(p0, p1, inside);
}
