// dW[out, in] = scale · dYᵀ·X, summed over rows, with dY [rows, out] and X [rows, in]: the gradient
// of y = Wx with respect to W. For the A of LoRA, dY·B takes the place of dY; for its B, X·Aᵀ takes
// the place of X. Tensors are row-major f32; in is a multiple of 4, out need not be.
//
// Each invocation computes a TM×TN block of dW (TM of out, TN of in) and adds two rows at a time,
// always in order, so that sums repeat bit for bit. Edges and QUADS are as in linear_forward.wgsl.
// With QUADS, sums are scalars as in linear_input.wgsl.
//#include linear
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> dw: array<vec4<f32>>;

fn store(at: u32, v: vec4<f32>) {
    var sum = shape.scale * v;
    if (shape.accumulate == 1u) { sum += dw[at]; }
    dw[at] = sum;
}

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let out4 = (shape.out + 3u) / 4u;
    let tile = id.x + (id.y * groups.x + shape.first) * {GROUP}u;
//#if QUADS
    let col_tiles = (shape.in4 + {TN-1}u) / {TN}u * 4u;
    let row = (tile / col_tiles) * {TM/4}u;
    let first = row + tile % 4u * {LOADS/4}u;
    let col = (tile % col_tiles) * {TN/4}u;
//#else
    let col_tiles = (shape.in4 + {TN/4-1}u) / {TN/4}u;
    let row = (tile / col_tiles) * {TM/4}u;
    let first = row;
    let col = (tile % col_tiles) * {TN/4}u;
    if (row >= out4) { return; }
//#endif
//#for p LOADS/4
    let r{p} = min(first + {p}u, out4 - 1u);
//#endfor
//#for q TN/4
    let c{q} = min(col + {q}u, shape.in4 - 1u);
//#for i TM
//#if QUADS
//#for j 4
    var s{i}_{q*4+j} = 0.0;
//#endfor
//#else
    var s{i}_{q} = vec4<f32>(0.0);
//#endif
//#endfor
//#endfor
    for (var k = 0u; k < rows; k += 2u) {
        // The last row of an odd count is paired with itself, times 0.
        let next = min(k + 1u, rows - 1u);
        let paired = f32(next - k);
//#for p LOADS/4
        let p{p} = dy[k * shape.stride4 + r{p}];
        let n{p} = paired * dy[next * shape.stride4 + r{p}];
//#if QUADS
        let p{LOADS/4+p} = quadSwapX(p{p});
        let n{LOADS/4+p} = quadSwapX(n{p});
        let p{LOADS/2+p} = quadSwapY(p{p});
        let n{LOADS/2+p} = quadSwapY(n{p});
        let p{LOADS/4*3+p} = quadSwapDiagonal(p{p});
        let n{LOADS/4*3+p} = quadSwapDiagonal(n{p});
//#endif
//#endfor
//#for q TN/4
        let q{q} = x[k * shape.in4 + c{q}];
        let t{q} = x[next * shape.in4 + c{q}];
//#for p TM/4
//#for e 4
//#if QUADS
//#for j 4
        s{p*4+e}_{q*4+j} += p{p}[{e}] * q{q}[{j}] + n{p}[{e}] * t{q}[{j}];
//#endfor
//#else
        s{p*4+e}_{q} += p{p}[{e}] * q{q} + n{p}[{e}] * t{q};
//#endif
//#endfor
//#endfor
//#endfor
    }
//#if QUADS
    for (var part = 0u; part < 4u; part++) {
        let i = row * 4u + (tile ^ part) % 4u * {LOADS}u;
//#else
    for (var i = row * 4u; i < min(row * 4u + {TM}u, shape.out); i += {STORE}u) {
//#endif
//#for r STORE
        if (i + {r}u < shape.out) {
            let at = (i + {r}u) * shape.in4 + col;
//#for q TN/4
//#if QUADS
            let v{q} = vec4<f32>(s{r}_{q*4}, s{r}_{q*4+1}, s{r}_{q*4+2}, s{r}_{q*4+3});
//#else
            let v{q} = s{r}_{q};
//#endif
            if (col + {q}u < shape.in4) { store(at + {q}u, v{q}); }
//#endfor
        }
//#endfor
//#if QUADS
//#for j TN
//#for i TM-STORE
        s{i}_{j} = s{i+STORE}_{j};
//#endfor
//#endfor
//#else
//#for q TN/4
//#for i TM-STORE
        s{i}_{q} = s{i+STORE}_{q};
//#endfor
//#endfor
//#endif
    }
}
