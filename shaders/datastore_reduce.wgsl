// The probability that a datastore gives the label of each response token (kNN-LM, Khandelwal et
// al. 2020, with a kernel over all keys):
//   p[y] = Σ_i w_i [token_i = y] / Σ_i w_i
//   w_i = e^(β·(cos_i − 1))                  cos_i: cosine of the token's hidden state and key i
// Folds the keys c0 to c0+cols into state [R] (vec2): Σ w_i [token_i = y], Σ w_i.
//
// scores [R, stride] are the cosines of these keys. tokens [keys] u32 are the tokens of all keys;
// targets [R] u32 are the labels. The chunk with c0 = 0 is the first one. Chunks start at a
// multiple of 4. Each invocation owns a response token.
//#include common
struct Shape {
    c0: u32,
    cols: u32,
    vecs: u32,      // row stride / 4
    sharpness: f32, // β
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> scores: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tokens: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read_write> state: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * 64u;
    if (r >= dyn.responses) { return; }
    let label = vec4<u32>(targets[r]);
    var same = vec4<f32>(0.0);
    var all = vec4<f32>(0.0);
    for (var vec = 0u; vec * 4u < shape.cols; vec++) {
        let column = vec4<u32>(0u, 1u, 2u, 3u) + 4u * vec;
        let weight = exp(shape.sharpness * (min(scores[r * shape.vecs + vec], vec4<f32>(1.0)) - 1.0));
        let w = select(vec4<f32>(0.0), weight, column < vec4<u32>(shape.cols));
        all += w;
        same += select(vec4<f32>(0.0), w, tokens[shape.c0 / 4u + vec] == label);
    }
    var s = vec2<f32>((same.x + same.y) + (same.z + same.w), (all.x + all.y) + (all.z + all.w));
    if (shape.c0 != 0u) { s += state[r]; }
    state[r] = s;
}
