// attention_forward.wgsl for GPUs: keys and values pass through workgroup memory.
//
// q and out are [rows, heads, 4·VECS]; k and v are [keys, kv_heads, 4·VECS]; ranges is [rows];
// stats is [rows, heads] of (lse, unused). Source: FlashAttention-2, algorithm 1 (Dao 2023).
//
// Each of the GROUP invocations holds one query row of one head; the workgroup holds ROWS
// neighbouring rows × HEADS heads of one key head. Together they load TILE keys at a time over the
// union of the ranges of their rows. Then each applies the mask of its own row, four keys per
// iteration, so that its sums are rescaled once for four keys.
//#let BACKWARD 0
//#let BY_KEY 0
//#include attention

//#include attention_tile_memory

@compute @workgroup_size({GROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    //#include attention_tile_ranges

    var m = MASKED;
    var l = 0.0;
    //#for c VECS
    let q{c} = q[at * {VECS}u + {c}u] * shape.scale2;
    var o{c} = vec4<f32>(0.0);
    //#endfor
    for (var part = 0u; part < 2u; part = part + 1u) {
        //#include attention_tile_part
        for (var tile = select(span.x, span.z, second); tile < end; tile = tile + {TILE}u) {
            //#include attention_tile_keys
            for (var n = 0u; n < {TILE}u; n = n + 4u) {
                let j = tile + n;
                var s = vec4<f32>(0.0);
                //#for c VECS
                s = s + vec4<f32>(
                    dot(q{c}, keys[n * {VECS}u + {c}u]),
                    dot(q{c}, keys[n * {VECS}u + {VECS+c}u]),
                    dot(q{c}, keys[n * {VECS}u + {2*VECS+c}u]),
                    dot(q{c}, keys[n * {VECS}u + {3*VECS+c}u]));
                //#endfor
                let place = vec4<u32>(j, j + 1u, j + 2u, j + 3u);
                s = select(vec4<f32>(MASKED), s, (place >= vec4<u32>(lo)) & (place < vec4<u32>(hi)));
                let top = max(m, max(max(s.x, s.y), max(s.z, s.w)));
                let fix = exp2(m - top);
                let p = exp2(s - vec4<f32>(top));
                m = top;
                l = l * fix + (p.x + p.y + p.z + p.w);
                //#for c VECS
                o{c} = o{c} * fix + values[n * {VECS}u + {c}u] * p.x + values[n * {VECS}u + {VECS+c}u] * p.y
                    + values[n * {VECS}u + {2*VECS+c}u] * p.z + values[n * {VECS}u + {3*VECS+c}u] * p.w;
                //#endfor
            }
        }
    }

    if (lane < {ROWS*HEADS}u && first + lane / {HEADS}u < rows) {
        stats[at].x = (m + log2(l)) * LN2;
        //#for c VECS
        out[at * {VECS}u + {c}u] = o{c} / l;
        //#endfor
    }
}
