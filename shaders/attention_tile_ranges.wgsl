// The start of main() in the tiled kernels that hold queries. It computes the row and head of this
// invocation (at = row·heads + head), the range of its row, and span, the union of the workgroup's
// ranges.
    let item = group.x + group.y * groups.x + shape.first;
    let slices = shape.heads / {HEADS}u;
    let first = item / slices * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let slice = item % slices * {HEADS}u;
    let kv = slice / (shape.heads / shape.kv_heads);
    let row = min(first + lane / {HEADS}u, rows - 1u);
    let at = row * shape.heads + slice + lane % {HEADS}u;

    let range = ranges[row];
    seen[lane] = range;
    workgroupBarrier();
    if (lane == 0u) {
        var b = vec4<u32>(0xffffffffu, 0u, 0xffffffffu, 0u);
        for (var n = 0u; n < {GROUP}u; n = n + {HEADS}u) {
            let r = seen[n];
            if (r.x < r.y) { b.x = min(b.x, r.x); b.y = max(b.y, r.y); }
            if (r.z < r.w) { b.z = min(b.z, r.z); b.w = max(b.w, r.w); }
        }
        bounds = b;
    }
    let span = workgroupUniformLoad(&bounds);
