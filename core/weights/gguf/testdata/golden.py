"""Writes blocks.gguf with the reference implementation: metadata of every kind, and a tensor of every type
with its unpacked values. Writes quantised.gguf: values, and their packed form in every type that
nextquill writes.

    python golden.py        # from this folder; needs gguf

The tensor Q4_0 holds random blocks; Q4_0.values holds the values that the gguf package unpacks from them.
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T, GGUFValueType as V, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(5)

# Byte offsets of the f16 scales of a block.
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
# Zero, the smallest and largest subnormals and normals with both signs, and typical values.
EDGES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x8400, 0x7BFF, 0xFBFF, 0x3C00, 0x2E66, 0xB555]


def blocks(kind, count):
    elements, size = GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scales = rng.normal(0, 0.02, count).astype(np.float16)
        scales[: len(EDGES)] = rng.permutation(np.array(EDGES, np.uint16)).view(np.float16)
        raw[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    raw[-1, 4:] = 255 if kind != T.Q6_K else raw[-1, 4:]
    raw[-2, 4:] = 0 if kind != T.Q6_K else raw[-2, 4:]
    return raw


writer = GGUFWriter(here / "blocks.gguf", "none")
for key, value, kind in [("u8", 200, V.UINT8), ("i8", -100, V.INT8), ("u16", 60000, V.UINT16), ("i16", -30000, V.INT16), ("u32", 4294967295, V.UINT32),
                         ("i32", -2147483648, V.INT32), ("f32", 0.1, V.FLOAT32), ("bool", True, V.BOOL), ("string", "Ġ\n漢", V.STRING),
                         ("u64", 2**64 - 1, V.UINT64), ("i64", -(2**63), V.INT64), ("f64", 0.1, V.FLOAT64)]:
    writer.add_key_value(key, value, kind)
writer.add_array("strings", ["a", "", "漢"])
writer.add_array("ints", [-1, 2, 3])
writer.add_array("floats", [0.5, -1.5])
writer.add_array("bools", [True, False])

finite = rng.integers(0, 2**32, 4096, dtype=np.uint32)
finite[:8] = [0, 0x80000000, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000]
finite = finite[np.isfinite(finite.view(np.float32))][:64]
writer.add_tensor("F32", finite.view(np.float32).reshape(2, 32))
writer.add_tensor("F32.values", finite.view(np.float32).reshape(2, 32))
for kind, raw in [(T.F16, np.arange(0, 1 << 16, 23, dtype=np.uint16)), (T.BF16, np.arange(5, 1 << 16, 23, dtype=np.uint16))]:
    if kind == T.F16:
        raw = raw[np.isfinite(raw.view(np.float16))]
    else:
        raw = raw[np.isfinite((raw.astype(np.uint32) << 16).view(np.float32))]
    raw = raw[: len(raw) // 4 * 4].reshape(4, -1)
    values = dequantize(raw.view(np.uint8), kind)
    writer.add_tensor(kind.name, raw.view(np.float16) if kind == T.F16 else raw.view(np.uint8), raw_dtype=kind)
    writer.add_tensor(kind.name + ".values", np.ascontiguousarray(values, np.float32).reshape(4, -1))
for kind in SCALES:
    raw = blocks(kind, 16).reshape(4, -1)
    values = dequantize(raw, kind)
    assert np.isfinite(values).all()
    writer.add_tensor(kind.name, raw, raw_dtype=kind)
    writer.add_tensor(kind.name + ".values", values)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

# Typical weights, rows of outliers, halves that round either way, zeros, the smallest f32 and the largest
# that fit.
values = rng.normal(0, 0.05, (64, 64)).astype(np.float32)
values[8:16] *= rng.choice([1, 40], (8, 64), p=[0.95, 0.05])
values[16:20] = rng.integers(-254, 255, (4, 64)) / 2
values[20] = 0
values[21, :32], values[21, 32:] = 0.25, -0.25
values[22] = rng.normal(0, 1e-6, 64)
values[23] = rng.normal(0, 1e-9, 64)
values[24] = rng.uniform(-60000, 60000, 64)
values[25] = np.where(rng.random(64) < 0.5, -0.0, 0.0)
values[26, ::2] = 3
writer = GGUFWriter(here / "quantised.gguf", "none")
writer.add_tensor("values", values)
for kind in [T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q8_0]:
    raw = quantize(values, kind)
    writer.add_tensor(kind.name, raw if kind == T.F16 else raw.view(np.uint8), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
