// The start of main() in the register-block kernels that hold queries. It computes the rows (first
// to first+ROWS−1, clamped) and heads of an invocation, the ranges of the rows, and the union of
// the ranges: [a_lo, a_hi) and [b_lo, b_hi).
    let item = id.x + (id.y * groups.x + shape.first) * {GROUP}u;
    let slices = shape.heads / {HEADS}u;
    let first = item / slices * {ROWS}u;
    let rows = row_count(shape.rows);
    if (first >= rows) { return; }
    let head = item % slices * {HEADS}u;
    let kv = head / (shape.heads / shape.kv_heads);

    var a_lo = 0xffffffffu;
    var a_hi = 0u;
    var b_lo = 0xffffffffu;
    var b_hi = 0u;
    //#for r ROWS
    let range{r} = ranges[min(first + {r}u, rows - 1u)];
    if (range{r}.x < range{r}.y) { a_lo = min(a_lo, range{r}.x); a_hi = max(a_hi, range{r}.y); }
    if (range{r}.z < range{r}.w) { b_lo = min(b_lo, range{r}.z); b_hi = max(b_hi, range{r}.w); }
    //#endfor
