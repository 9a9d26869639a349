//#let SLOT t*3+2
@group(0) @binding({SLOT}) var<storage, read> x{t}: array<f32>;
