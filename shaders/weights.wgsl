// The weights of operand {t} of a product. The first operand is in the format FORMAT (the number of
// a kernels.Format), read by shader-f16 with HALF. The second, of the low-rank term, is in f32.
//#let F32 0
//#let F16 1
//#let Q8 2
//#if t > 0 || FORMAT == F32
//#include weights_f32
//#elif HALF
//#include weights_half
//#elif FORMAT == F16
//#include weights_f16
//#elif FORMAT == Q8
//#include weights_q8
//#else
//#include weights_q4
//#endif
