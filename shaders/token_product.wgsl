// Adds x[i] · W[j] to the sums s_i_j of TM rows of x and TN rows of weights, for the kernels that
// decode a token. The kernel defines the sums, depth (of a row, in vec4s), stride4 (of x, in
// vec4s), c_j (the starts of the rows of weights) and part (the place of the invocation in its
// team).
//
// TEAM invocations share the sums: each adds every TEAM-th vec4. TEAM 1 is the form for CPU
// devices. Loads cost most there, so Q8 and Q4 are loaded in vec4s, each once. Blocks are summed
// before they are scaled: Σ x·(d·q + m) = d·Σ x·q + m·Σ x. A value q stays at its place n in the
// word and is converted as q·256^n, which is exact; the sum of each place is divided by that
// factor. Shifts by different numbers of bits would take longer: SSE has none, so SwiftShader
// shifts lane by lane. REST: the loop over single vec4s is needed, for all of a
// row or for what follows its complete blocks.
//#let Q4 3
//#if TEAM == 1
    var k = 0u;
    let places = vec4<f32>(1.0, 0.00390625, 0.0000152587890625, 0.000000059604644775390625);
//#if FORMAT == Q4
    let masks = vec4<i32>(0xf, 0xf00, 0xf0000, 0xf000000);
    for (; k + 8u <= depth; k += 8u) {
//#for i TM
//#for v 8
        let p{i}_{v} = x[{i}u * stride4 + k + {v}u];
//#endfor
        let first{i} = (p{i}_0 + p{i}_1) + (p{i}_2 + p{i}_3);
        let second{i} = (p{i}_4 + p{i}_5) + (p{i}_6 + p{i}_7);
        let all{i} = dot(first{i} + second{i}, vec4<f32>(1.0));
//#endfor
//#for j TN
        let low{j} = bitcast<vec4<i32>>(w0[c{j} + k / 32u * 5u + k / 8u % 4u + 1u]);
        let high{j} = low{j} >> vec4<u32>(4u);
//#for v 4
        let q{j}_{v} = vec4<f32>(vec4<i32>(low{j}[{v}]) & masks);
        let q{j}_{v+4} = vec4<f32>(vec4<i32>(high{j}[{v}]) & masks);
//#endfor
        let g{j} = scales0(c{j}, k / 8u);
//#for i TM
        var t{i}_{j} = p{i}_0 * q{j}_0;
//#for v 7
        t{i}_{j} = fma(p{i}_{v+1}, q{j}_{v+1}, t{i}_{j});
//#endfor
        s{i}_{j} += g{j}.x * dot(t{i}_{j}, places) + g{j}.y * all{i};
//#endfor
//#endfor
    }
//#elif FORMAT == Q8
    let masks = bitcast<vec4<i32>>(vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u));
    let signs = bitcast<vec4<i32>>(vec4<u32>(0x80u, 0x8000u, 0x800000u, 0x80000000u));
    for (; k + 8u <= depth; k += 8u) {
//#for i TM
//#for v 8
        let p{i}_{v} = x[{i}u * stride4 + k + {v}u];
//#endfor
//#endfor
//#for j TN
        // A byte q is (q ^ 128) − 128.
//#for h 2
        let words{j}_{h} = bitcast<vec4<i32>>(w0[c{j} + k / 32u * 9u + k % 32u / 4u + {h+1}u] ^ vec4<u32>(0x80808080u));
//#for v 4
        let q{j}_{4*h+v} = vec4<f32>((vec4<i32>(words{j}_{h}[{v}]) & masks) - signs);
//#endfor
//#endfor
        let g{j} = scales0(c{j}, k / 8u).x;
//#for i TM
        var t{i}_{j} = p{i}_0 * q{j}_0;
//#for v 7
        t{i}_{j} = fma(p{i}_{v+1}, q{j}_{v+1}, t{i}_{j});
//#endfor
        s{i}_{j} += g{j} * dot(t{i}_{j}, places);
//#endfor
//#endfor
    }
//#endif
//#if REST
    for (; k < depth; k++) {
//#endif
//#else
    for (var k = part; k < depth; k += {TEAM}u) {
//#endif
//#if REST
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
