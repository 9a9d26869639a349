// Where a kernel that writes a matrix in Q8 or Q4 (weights_q8.wgsl, weights_q4.wgsl) puts a block.
// VALUES is the number of words of a block's values: 8 or 4.

// group_start returns the word of a row of so many blocks at which the group of a block starts.
fn group_start(row: u32, block: u32, blocks: u32) -> u32 {
    return row * (blocks * {VALUES}u + (blocks + 3u) / 4u * 4u) + block / 4u * {4*VALUES+4}u;
}

// put_scales stores the scales of a block. The last block of a row also fills its group with zeros.
fn put_scales(row: u32, block: u32, blocks: u32, scales: u32) {
    let group = group_start(row, block, blocks);
    out[group + block % 4u] = scales;
    if (block + 1u < blocks) { return; }
    for (var i = block % 4u + 1u; i < 4u; i++) { out[group + i] = 0u; }
}

// first_value returns the first word of a block's values.
fn first_value(row: u32, block: u32, blocks: u32) -> u32 {
    return group_start(row, block, blocks) + 4u + block % 4u * {VALUES}u;
}
