// values: ROWS=2 BIAS=1
//#if BIAS
enable f16;
//#endif
//#include shape
//#for t ROWS
//#include binding
//#endfor
const STRIDE: u32 = {STRIDE}u;
