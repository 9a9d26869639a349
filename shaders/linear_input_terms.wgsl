// The sizes of the terms of the linear_input kernels: 0 is dY·W, 1 is the low-rank term V·A.
    let stride0 = shape.stride4;
    let stride1 = shape.rank4;
    let offset0 = shape.offset4;
    let offset1 = 0u;
    let depth0 = (shape.out + 3u) / 4u;
    let depth1 = shape.rank4;
    let last0 = shape.out - 1u;
    let last1 = 4u * shape.rank4 - 1u;
    let scale0 = 1.0;
    let scale1 = shape.scale;
