// Declarations of the linear kernels: extensions and the Shape. Y and dY are the tensors with out
// columns.
//#if HALF
enable f16;
//#endif
//#if QUADS
enable subgroups;
//#endif
//#include common
struct Shape {
    rows: u32,       // kernels.Rows
    in4: u32,        // in / 4
    out: u32,
    stride4: u32,    // row stride of Y and dY / 4
    rank4: u32,      // rank / 4
    accumulate: u32, // 1: add to the result; register-block forms with ADD decide it as text
    scale: f32,
    offset4: u32,    // first column of Y and dY / 4
    first: u32,      // workgroups before this part of the dispatch
}
@group(0) @binding(0) var<uniform> shape: Shape;
