// Loads TILE keys and values, from row tile on, into workgroup memory. Places from end on repeat
// the last row.
            workgroupBarrier();
            for (var i = lane; i < {TILE*VECS}u; i = i + {GROUP}u) {
                let key = min(tile + i / {VECS}u, end - 1u);
                let source = (key * shape.kv_heads + kv) * {VECS}u + i % {VECS}u;
                keys[i] = k[source];
                values[i] = v[source];
            }
            workgroupBarrier();
