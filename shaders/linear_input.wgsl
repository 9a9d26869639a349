// dX[rows, in] = dY·W + scale · V·A with dY [rows, out], W [out, in], V [rows, rank] and A [rank,
// in]: the gradient of y = Wx + scale·B(Ax) with respect to x, where V = dY·B. Tensors are
// row-major f32; in and rank are multiples of 4, out need not be: dY is 0 from out up to the next
// multiple of 4, and rows of W beyond the last are read as the last.
//
// Each invocation computes a TM×TN block, four steps of out at a time. Edges, WHOLE, ADD, TERMS and
// QUADS are as in linear_forward.wgsl. With QUADS, sums are scalars: the compiler of SwiftShader
// would write each intermediate vec4 product to memory.
//#include linear
//#for t TERMS
//#include weights
//#endfor
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<f32>>;
//#for t TERMS
@group(0) @binding({t*3+2}) var<storage, read> dy{t}: array<vec4<f32>>; // dY, V
//#endfor

fn store(at: u32, v: vec4<f32>) {
    var sum = v;
//#if ADD
    sum += dx[at];
//#endif
    dx[at] = sum;
}

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let tile = id.x + (id.y * groups.x + shape.first) * {GROUP}u;
//#if QUADS
    let col_tiles = (shape.in4 + {TN-1}u) / {TN}u * 4u;
    let row = (tile / col_tiles) * {TM}u;
    let first = row + tile % 4u * {LOADS}u;
    let col = (tile % col_tiles) * {TN/4}u;
//#else
    let col_tiles = (shape.in4 + {TN/4-1}u) / {TN/4}u;
    let row = (tile / col_tiles) * {TM}u;
    let first = row;
    let col = (tile % col_tiles) * {TN/4}u;
    if (row >= rows) { return; }
//#endif
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
    //#include linear_input_terms
//#for t TERMS
//#for i LOADS
    let r{t}_{i} = min(first + {i}u, rows - 1u) * stride{t} + offset{t};
//#endfor
    for (var k = 0u; k < depth{t}; k++) {
//#if QUADS
//#for i LOADS
        let p{i} = scale{t} * dy{t}[r{t}_{i} + k];
        let p{LOADS+i} = quadSwapX(p{i});
        let p{2*LOADS+i} = quadSwapY(p{i});
        let p{3*LOADS+i} = quadSwapDiagonal(p{i});
//#endfor
//#else
//#for i TM
        let p{i} = scale{t} * dy{t}[r{t}_{i} + k];
//#endfor
//#endif
//#for e 4
        let o{e} = row_start{t}(min(4u * k + {e}u, last{t}), shape.in4);
        let g{e} = scales{t}(o{e}, col / SPAN{t});
//#endfor
//#for q TN/4
//#for e 4
        let q{e}_{q} = weights{t}(o{e}, c{q}, g{e});
//#endfor
//#for i TM
//#if QUADS
//#for j 4
        s{i}_{q*4+j} += p{i}.x * q0_{q}[{j}] + p{i}.y * q1_{q}[{j}] + p{i}.z * q2_{q}[{j}] + p{i}.w * q3_{q}[{j}];
//#endfor
//#else
        s{i}_{q} += p{i}.x * q0_{q} + p{i}.y * q1_{q} + p{i}.z * q2_{q} + p{i}.w * q3_{q};
//#endif
//#endfor
//#endfor
    }
//#endfor
//#if QUADS
    for (var part = 0u; part < 4u; part++) {
        let i = row + (tile ^ part) % 4u * {LOADS}u;
//#else
    for (var i = row; i < min(row + {TM}u, rows); i += {STORE}u) {
//#endif
//#for r STORE
        if (i + {r}u < rows) {
            let at = (i + {r}u) * shape.in4 + col;
//#for q TN/4
//#if QUADS
            let v{q} = vec4<f32>(s{r}_{q*4}, s{r}_{q*4+1}, s{r}_{q*4+2}, s{r}_{q*4+3});
//#else
            let v{q} = s{r}_{q};
//#endif
//#if WHOLE
            store(at + {q}u, v{q});
//#else
            if (col + {q}u < shape.in4) { store(at + {q}u, v{q}); }
//#endif
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
