// Backward pass of the fused head: replaces the logits of columns c0 to c0+cols by their gradient,
// in place. (Where the vocabulary has more columns, the logits have been computed again.) With p =
// softmax(z^h) and q = softmax(z^h − z^0):
//   dz^h = a · (p − e_y) + b · (q − e_y)     a = coef[r].x, the factor of CE(z^h, y)
//   dz^0 = −b · (q − e_y)                    b = coef[r].y, the factor of CE(z^h − z^0, y)
// Without DUAL: dz = a · (p − e_y). Without COUNTERFACTUAL, b = 0 in dz^0. With ERASED and r =
// softmax(z^0), the factor of CE(z^h, y) is (1 − β) · a, and β · a · (r − e_y) is added to dz^0.
//
// z is [rows, stride]: row r with history, row r+R without. state [R, 16] is complete, from
// head_reduce.wgsl. targets is [R] u32, coef is [R, 2]. Padding columns up to a vec4 become 0, as
// linear layers require. Each invocation computes up to four vec4s of a token, a quarter of the
// columns apart, so that neighbours access neighbouring vec4s and the state is loaded once for 16
// columns.
//#include common
struct Shape {
    c0: u32,
    cols: u32,
    vecs: u32,      // row stride / 4
    erased: f32,    // β, with ERASED
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> state: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> coef: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let used = (shape.cols + 3u) / 4u;
    let quarter = (used + 3u) / 4u;
    if (i >= dyn.responses * quarter) { return; }
    let r = i / quarter;
    let with_history = state[r * 4u];
    var c = coef[r];
    let scale = 1.0 / with_history.y;
    let label = targets[r] - shape.c0;
//#if DUAL
    let difference = state[r * 4u + 1u];
    let scale_q = 1.0 / difference.y;
//#if ERASED
    let scale_r = 1.0 / with_history.w;
    let factor_r = shape.erased * c.x;
    c.x = (1.0 - shape.erased) * c.x;
//#endif
//#endif
    for (var vec = i - r * quarter; vec < used; vec += quarter) {
        let column = vec4<u32>(0u, 1u, 2u, 3u) + 4u * vec;
        let e = select(vec4<f32>(0.0), vec4<f32>(1.0), column == vec4<u32>(label));
        let inside = column < vec4<u32>(shape.cols);
        let at = r * shape.vecs + vec;
        let a = z[at];
        var dz = c.x * (exp(min(a - with_history.x, vec4<f32>(0.0))) * scale - e);
//#if DUAL
        let other = (r + dyn.responses) * shape.vecs + vec;
//#if ERASED
        let b = z[other];
        let q = c.y * (exp(min(a - b - difference.x, vec4<f32>(0.0))) * scale_q - e);
        dz += q;
        var db = factor_r * (exp(min(b - with_history.z, vec4<f32>(0.0))) * scale_r - e);
//#if COUNTERFACTUAL
        db -= q;
//#endif
        z[other] = select(vec4<f32>(0.0), db, inside);
//#else
        let q = c.y * (exp(min(a - z[other] - difference.x, vec4<f32>(0.0))) * scale_q - e);
        dz += q;
//#if COUNTERFACTUAL
        z[other] = select(vec4<f32>(0.0), -q, inside);
//#else
        z[other] = vec4<f32>(0.0);
//#endif
//#endif
//#endif
        z[at] = select(vec4<f32>(0.0), dz, inside);
    }
}
