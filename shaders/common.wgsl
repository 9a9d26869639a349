// Included by every kernel: the parameters of one replay of a plan. kernels.Dyn has the same words
// in the same order.
struct Dyn {
    tokens: u32,
    responses: u32,
    rows: u32,
    slot: u32,
    seed: u32,
    position: u32,
    accumulate: u32,
    norm_ntp: f32,
    norm_align: f32,
    lr: f32,
    bias1: f32,
    bias2: f32,
}
@group(0) @binding(1) var<uniform> dyn: Dyn;

// Which count of Dyn the row dimension of a kernel follows (kernels.Rows). The Shape holds it. A
// value of ROWS_FIXED or more is a fixed count plus ROWS_FIXED. A value of ROWS_TIMES or more is a
// multiple, in bits 4 to 30, of the count that bits 0 to 3 name.
const ROWS_TOKENS: u32 = 0u;
const ROWS_RESPONSES: u32 = 1u;
const ROWS_HEAD: u32 = 2u;
const ROWS_FIXED: u32 = 16u;
const ROWS_TIMES: u32 = 0x80000000u;

fn dyn_count(kind: u32) -> u32 {
    if (kind == ROWS_TOKENS) { return dyn.tokens; }
    if (kind == ROWS_RESPONSES) { return dyn.responses; }
    return dyn.rows;
}

fn row_count(kind: u32) -> u32 {
    if (kind >= ROWS_TIMES) { return ((kind - ROWS_TIMES) >> 4u) * dyn_count(kind & 15u); }
    if (kind >= ROWS_FIXED) { return kind - ROWS_FIXED; }
    return dyn_count(kind);
}
