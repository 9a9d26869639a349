// The sums s_i_j = x[i] · W[j] of TM rows of x with TN rows of weights, for the kernels that
// decode a token. The kernel defines depth (of a row, in vec4s), stride4 (of x, in vec4s), c_j (the
// starts of the rows of weights) and part (the place of the invocation in its team).
//
// TEAM invocations share the sums: each adds every TEAM-th vec4. TEAM 1 is the form for CPU
// devices, where a load is a loop over SIMD lanes. There, a word of Q4 is loaded once for the two
// vec4s that it holds.
//#let Q4 3
//#for i TM
//#for j TN
    var s{i}_{j} = 0.0;
//#endfor
//#endfor
//#if TEAM == 1
    var span = 0u;
//#if FORMAT == Q4
    for (; span < depth / 8u; span++) {
//#for i TM
//#for v 8
        let p{i}_{v} = x[{i}u * stride4 + span * 8u + {v}u];
//#endfor
//#endfor
//#for j TN
        let at{j} = c{j} + span * 5u;
        let g{j} = unpack2x16float(w0[at{j}]);
//#for v 4
        let word{j}_{v} = vec4<i32>(bitcast<i32>(w0[at{j} + {v+1}u]));
//#endfor
//#for v 8
        // Signed integers, because CPUs convert only those in one instruction.
        let q{j}_{v} = (word{j}_{v%4} >> vec4<u32>({v/4*4}u, {v/4*4+8}u, {v/4*4+16}u, {v/4*4+24}u)) & vec4<i32>(15);
        let a{j}_{v} = g{j}.x * vec4<f32>(q{j}_{v}) + g{j}.y;
//#for i TM
        s{i}_{j} += dot(p{i}_{v}, a{j}_{v});
//#endfor
//#endfor
//#endfor
    }
//#endif
    for (; span * SPAN0 < depth; span++) {
//#for j TN
        let g{j} = scales0(c{j}, span);
//#endfor
        for (var k = span * SPAN0; k < min((span + 1u) * SPAN0, depth); k++) {
//#for i TM
            let p{i} = x[{i}u * stride4 + k];
//#endfor
//#for j TN
            let q{j} = weights0(c{j}, k, g{j});
//#for i TM
            s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
        }
    }
//#else
    for (var k = part; k < depth; k += {TEAM}u) {
//#for i TM
        let p{i} = x[{i}u * stride4 + k];
//#endfor
//#for j TN
        let q{j} = weights0(c{j}, k, scales0(c{j}, k / SPAN0));
//#for i TM
        s{i}_{j} += dot(p{i}, q{j});
//#endfor
//#endfor
    }
//#endif
