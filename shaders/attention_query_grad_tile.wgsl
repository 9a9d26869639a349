// attention_query_grad.wgsl for GPUs: keys and values pass through workgroup memory, as in
// attention_forward_tile.wgsl.
//
// q, dout and dq are [rows, heads, 4·VECS]; k and v are [keys, kv_heads, 4·VECS]; ranges is [rows];
// stats is [rows, heads] of (lse, delta).
//#let BACKWARD 1
//#let BY_KEY 0
//#include attention
@group(0) @binding(8) var<storage, read_write> dq: array<vec4<f32>>;

//#include attention_tile_memory

@compute @workgroup_size({GROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    //#include attention_tile_ranges

    let stat = stats[at] * vec2<f32>(LOG2E, 1.0);
    //#for c VECS
    let q{c} = q[at * {VECS}u + {c}u] * shape.scale2;
    let do{c} = dout[at * {VECS}u + {c}u];
    var dq{c} = vec4<f32>(0.0);
    //#endfor
    for (var part = 0u; part < 2u; part = part + 1u) {
        //#include attention_tile_part
        for (var tile = select(span.x, span.z, second); tile < end; tile = tile + {TILE}u) {
            //#include attention_tile_keys
            for (var n = 0u; n < {TILE}u; n = n + 1u) {
                let j = tile + n;
                var s = 0.0;
                var g = 0.0;
                //#for c VECS
                let k{c} = keys[n * {VECS}u + {c}u];
                s = s + dot(q{c}, k{c});
                g = g + dot(do{c}, values[n * {VECS}u + {c}u]);
                //#endfor
                let p = select(0.0, exp2(s - stat.x), j >= lo && j < hi);
                let ds = p * (g - stat.y);
                //#for c VECS
                dq{c} = dq{c} + k{c} * ds;
                //#endfor
            }
        }
    }

    if (lane < {ROWS*HEADS}u && first + lane / {HEADS}u < rows) {
        //#for c VECS
        dq[at * {VECS}u + {c}u] = dq{c} * shape.scale;
        //#endfor
    }
}
