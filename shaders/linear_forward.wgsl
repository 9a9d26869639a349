// Y[rows, out] = X·Wᵀ + scale · U·Bᵀ with X [rows, in], W [out, in], U [rows, rank],
// B [out, rank]: y = Wx of a linear layer in Hugging Face's layout, with LoRA's
// scale·B(Ax) beside it (Hu et al. 2021, eq. 3; U = X·Aᵀ). Row-major f32; in and
// rank are multiples of 4. The low-rank term goes on in the same registers, so it
// costs no pass over Y. Columns of Y from out up to the next multiple of 4 get 0.
//
// A template of core/kernels (linear_text.go): one invocation computes a TM×TN
// block in registers. Loads past an edge are clamped to the last row or column
// and stores are guarded, so that the inner loop has no branch. TERMS is 2 with
// the low-rank term, else 1. CPU adapters win by this: a load there is a loop over
// SIMD lanes, so the larger the block, the fewer loads a product costs.
//
// WHOLE: blocks never reach past the last column. ADD: Y += …. Both are decided by text,
// since at small depths what stores a block is a quarter of the work.
//
// QUADS, where the adapter has subgroups: four neighbours take blocks beside each
// other in the same rows. Each loads a quarter of these (LOADS of TM), and gets the
// rest from the others.
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
    let tile = id.x + id.y * groups.x * {GROUP}u;
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
    for (var span = 0u; span * SPAN{t} < depth{t}; span++) {
//#for j TN
        let g{j} = scales{t}(c{t}_{j}, span);
//#endfor
        for (var k = span * SPAN{t}; k < min((span + 1u) * SPAN{t}, depth{t}); k++) {
//#if QUADS
//#for i LOADS
            let own{i} = scale{t} * x{t}[r{t}_{i} + k];
//#for l 4
            let p{l*LOADS+i} = quadBroadcast(own{i}, {l}u);
//#endfor
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
    // A few rows at a time are stored and the rest moves up: a loop, since 16×16
    // guarded stores would be most of what there is to compile; a few, since a
    // move costs as much as a step of the inner loop.
    for (var i = row; i < min(row + {TM}u, rows); i += {STORE}u) {
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
