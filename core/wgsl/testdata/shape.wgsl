struct Shape {
    rows: u32,
    //#if BIAS
    bias: u32,
    //#endif
}
//#let STRIDE 4*ROWS
