// Y[rows, out] = X·Wᵀ + scale · U·Bᵀ with X [rows, in], W [out, in], U [rows, rank] and B [out,
// rank]: the linear layer y = Wx in Hugging Face's layout, plus scale·B(Ax) of LoRA (Hu et al.
// 2021, eq. 3; U = X·Aᵀ). Tensors are row-major f32; in and rank are multiples of 4. The low-rank
// term is added in the same registers, so it needs no second pass over Y. Columns of Y from out up
// to the next multiple of 4 become 0.
//
// Each invocation computes a TM×TN block in registers. Loads beyond an edge are clamped to the last
// row or column and stores are guarded, so the inner loop has no branch. TERMS is 2 with the
// low-rank term, else 1. CPU devices profit from large blocks: a load is a loop over SIMD lanes
// there, and a larger block needs fewer loads per product.
//
// WHOLE: no block exceeds the last column. ADD: Y += …. Both are decided as text, because for small
// depths a quarter of the work is storing the block.
//
// QUADS, for devices with subgroups: four neighbouring invocations compute neighbouring blocks of
// the same rows. Each loads a quarter of the rows (LOADS of TM) and receives the others by swaps,
// which take a tenth of a broadcast's time on SwiftShader. Quarter l of an invocation's registers
// is then quarter (lane xor l) of the rows.
//#include linear
//#for t TERMS
//#include weights
//#endfor
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
//#for t TERMS
@group(0) @binding({t*3+2}) var<storage, read> x{t}: array<vec4<f32>>; // X, U
//#endfor

fn store(at: u32, col: u32, v: vec4<f32>) {
    var sum = v;
//#if ADD
    sum += y[at];
//#endif
//#if WHOLE
    y[at] = sum;
//#else
    let inside = vec4<u32>(col, col + 1u, col + 2u, col + 3u) < vec4<u32>(shape.out);
    y[at] = select(vec4<f32>(0.0), sum, inside);
//#endif
}

@compute @workgroup_size({GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = row_count(shape.rows);
    let tile = id.x + (id.y * groups.x + shape.first) * {GROUP}u;
//#if QUADS
    let col_tiles = (shape.out + {TN*4-1}u) / {TN*4}u * 4u;
    let row = (tile / col_tiles) * {TM}u;
    let first = row + tile % 4u * {LOADS}u;
    let col = (tile % col_tiles) * {TN}u;
//#else
    let col_tiles = (shape.out + {TN-1}u) / {TN}u;
    let row = (tile / col_tiles) * {TM}u;
    let first = row;
    let col = (tile % col_tiles) * {TN}u;
    if (row >= rows) { return; }
//#endif
//#for i TM
//#for j TN
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
    let depth0 = shape.in4;
    let depth1 = shape.rank4;
    let scale0 = 1.0;
    let scale1 = shape.scale;
//#for t TERMS
//#for i LOADS
    let r{t}_{i} = min(first + {i}u, rows - 1u) * depth{t};
//#endfor
//#for j TN
    let c{t}_{j} = row_start{t}(min(col + {j}u, shape.out - 1u), depth{t});
//#endfor
//#if t > 0 || FORMAT == 0
    {
        let span = 0u;
//#else
    for (var span = 0u; span * SPAN{t} < depth{t}; span++) {
//#endif
//#for j TN
        let g{j} = scales{t}(c{t}_{j}, span);
//#endfor
        for (var k = span * SPAN{t}; k < min((span + 1u) * SPAN{t}, depth{t}); k++) {
//#if QUADS
//#for i LOADS
            let p{i} = scale{t} * x{t}[r{t}_{i} + k];
            let p{LOADS+i} = quadSwapX(p{i});
            let p{2*LOADS+i} = quadSwapY(p{i});
            let p{3*LOADS+i} = quadSwapDiagonal(p{i});
//#endfor
//#else
//#for i TM
            let p{i} = scale{t} * x{t}[r{t}_{i} + k];
//#endfor
//#endif
//#for j TN
            let q{j} = weights{t}(c{t}_{j}, k, g{j});
//#for i TM
            s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
        }
    }
//#endfor
    // Store a few rows (STORE) per iteration and move the others up. Unrolled, 16×16 guarded stores
    // would dominate the compile time; one row per iteration would be slow, because a move costs as
    // much as a step of the inner loop.
//#if QUADS
    for (var part = 0u; part < 4u; part++) {
        let i = row + (tile ^ part) % 4u * {LOADS}u;
//#else
    for (var i = row; i < min(row + {TM}u, rows); i += {STORE}u) {
//#endif
//#for r STORE
        if (i + {r}u < rows) {
            let at = (i + {r}u) * shape.stride4 + shape.offset4 + col / 4u;
//#for q TN/4
//#if WHOLE
            {
//#else
            if (col + {q*4}u < shape.out) {
//#endif
                store(at + {q}u, col + {q*4}u, vec4<f32>(s{r}_{q*4}, s{r}_{q*4+1}, s{r}_{q*4+2}, s{r}_{q*4+3}));
            }
//#endfor
        }
//#endfor
//#for j TN
//#for i TM-STORE
        s{i}_{j} = s{i+STORE}_{j};
//#endfor
//#endfor
    }
}
