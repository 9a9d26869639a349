// Workgroup memory of the tiled kernels that hold queries: the ranges of the rows, the union of the
// ranges, and a tile of keys and values.
var<workgroup> seen: array<vec4<u32>, {GROUP}>;
var<workgroup> bounds: vec4<u32>;
var<workgroup> keys: array<vec4<f32>, {TILE*VECS}>;
var<workgroup> values: array<vec4<f32>, {TILE*VECS}>;
