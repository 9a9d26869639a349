// Gradient of the token embedding, a scatter-add without atomics: dtable[uniques[s]] += Σ_j
// dx[order[j]], with j from segments[s] to segments[s+1].
//
// The host sorts the token rows by id (kernels.EmbeddingSegments), so each table row has one owner
// and its terms have one order: results repeat bit for bit. segments is [rows+1], order and uniques
// are [rows] u32, dx is [rows, features], dtable is [vocab, features]. Segments beyond the last
// distinct id are empty. Rows start on a vec4. Each invocation owns one vec4 of one segment.
//#include common
struct Shape {
    rows: u32,      // kernels.Rows
    features: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> segments: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> uniques: array<u32>;
@group(0) @binding(5) var<storage, read> dx: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dtable: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    let lanes = (shape.features + 3u) / 4u;
    if (i >= row_count(shape.rows) * lanes) { return; }
    let segment = i / lanes;
    let lane = i - segment * lanes;
    let end = segments[segment + 1u];
    var j = segments[segment];
    if (j >= end) { return; }
    var sum = vec4<f32>(0.0);
    for (; j < end; j++) {
        sum += dx[order[j] * lanes + lane];
    }
    let at = uniques[segment] * lanes + lane;
    dtable[at] = dtable[at] + sum;
}
