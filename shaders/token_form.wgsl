// How token_linear and token_swiglu divide the columns: a team of TEAM invocations computes TN
// columns of products, and a workgroup has GROUP invocations. SHARED is the form for GPUs. In the
// other one, 8 invocations are one SIMD group. Measured with Q4 on llvmpipe, 4 columns take 1.2
// times as long as 8; 16 take as long, and three times as long to compile.
//#if SHARED
//#let TEAM 16
//#let GROUP 64
//#else
//#let TEAM 1
//#let GROUP 8
//#endif
