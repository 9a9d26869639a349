// Folds the logits of vocabulary columns c0 to c0+cols into the log-sum-exps of several mixtures of
// both branches. Point p of points [count] is (s, 1/T), a steering strength and a temperature T:
//   l = (z^0 + s · (z^h − z^0)) / T          with DUAL; s = 1 is z^h, s = 0 is z^0
//   l = z^h / T                              without DUAL
//
// z is [rows, stride] as in head_reduce.wgsl. state is [R, count, 4]: maximum and Σ e^(l−maximum)
// of l, and l[y]. The chunk with c0 = 0 is the first one and initialises it. Each invocation folds
// one point of one response token, so that neighbours read the same logits.
//#include common
struct Shape {
    c0: u32,
    cols: u32,
    vecs: u32,      // row stride / 4
    count: u32,     // points
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> z: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> points: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> state: array<vec4<f32>>;

const LOWEST: f32 = -3.0e38;
// e^−100 is 0 in f32. exp of a much smaller argument is not reliable on all devices.
const FLOOR: f32 = -100.0;

fn max4(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

fn mixed(r: u32, vec: u32, point: vec2<f32>) -> vec4<f32> {
    let a = z[r * shape.vecs + vec];
//#if DUAL
    let b = z[(r + dyn.responses) * shape.vecs + vec];
    // s = 1 gives z^h to the bit, and s = 0 gives z^0.
    let l = select(select(b + point.x * (a - b), b, point.x == 0.0), a, point.x == 1.0);
    return l * point.y;
//#else
    return a * point.y;
//#endif
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= dyn.responses * shape.count) { return; }
    let r = i / shape.count;
    let point = points[i - r * shape.count];
    var s = vec4<f32>(LOWEST, 0.0, 0.0, 0.0);
    if (shape.c0 != 0u) { s = state[i]; }
    var peak = s.x;
    var sum = vec4<f32>(s.y, 0.0, 0.0, 0.0);
    for (var vec = 0u; vec * 4u < shape.cols; vec++) {
        let column = vec4<u32>(0u, 1u, 2u, 3u) + 4u * vec;
        let l = select(vec4<f32>(LOWEST), mixed(r, vec, point), column < vec4<u32>(shape.cols));
        let top = max(peak, max4(l));
        sum = sum * exp(max(peak - top, FLOOR)) + exp(max(l - top, vec4<f32>(FLOOR)));
        peak = top;
    }
    // Unsigned: a target below c0 wraps to a large column.
    let label = targets[r] - shape.c0;
    if (label < shape.cols) {
        let l = mixed(r, label / 4u, point);
        let lane = label % 4u;
        s.z = select(select(l.x, l.y, lane == 1u), select(l.z, l.w, lane == 3u), lane >= 2u);
    }
    state[i] = vec4<f32>(peak, (sum.x + sum.y) + (sum.z + sum.w), s.z, 0.0);
}
