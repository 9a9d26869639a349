"""The weight formats of a frozen base, bit for bit: f16, q8, q4 (shaders/weights_*.wgsl). Blocks of 32
values run along a row, in groups of four."""

import numpy as np
import torch

from jsonfiles import write_json

F16, F32 = np.float16, np.float32
BLOCK = 32
GROUP = 4  # blocks whose scales are stored together, before their values


def _half_below(x):
    h = F16(x)
    return F16(np.nextafter(h, F16(-np.inf)) if F32(h) > x else h) + F16(0)  # + 0 turns a negative zero into a positive one


def _half_above(x):
    h = F16(x)
    return F16(np.nextafter(h, F16(np.inf)) if F32(h) < x else h)


def _steps(v, d, last):
    """Returns the integer from 0 to last whose multiple of d is nearest to v >= 0. Halves round up."""
    if d == 0:
        return np.zeros(len(v), np.uint32)
    # d has few bits, so the borders d * (q ± 0.5) are exact in float64; they correct the quotient.
    v, d = v.astype(np.float64), np.float64(d)
    q = np.floor(np.minimum(v / d + 0.5, last))
    q = np.where((v < d * (q - 0.5)) & (q > 0), q - 1, q)
    q = np.where(v >= d * (q + 0.5), q + 1, q)
    return np.minimum(q, last).astype(np.uint32)


def _q8(x):
    d = np.abs(x).max() * F32(1 / 127)
    if d > 2.0**-96:
        d = ((np.array(d, F32).view(np.uint32) + np.uint32(0x1FFF)) & np.uint32(0xFFFFE000)).view(F32)[()]
    else:
        d = F32(0)
    q = np.zeros(BLOCK, np.int8)
    q[: len(x)] = np.where(x < 0, -1, 1) * _steps(np.abs(x), d, 127).astype(np.int64)
    return np.concatenate([np.array([d], F32).view(np.uint32), q.view(np.uint32)]), d * q[: len(x)].astype(F32)


def _q4(x):
    m = _half_below(x.min())
    d = _half_above((x.max() - F32(m)) * F32(1 / 15))
    q = np.zeros(BLOCK, np.uint32)
    q[: len(x)] = _steps(x - F32(m), F32(d), 15)
    packed = (q[:16] | q[16:] << 4).astype(np.uint8)
    words = np.concatenate([np.array([d, m], F16).view(np.uint32), packed.view(np.uint32)])
    return words, F32(d) * q[: len(x)].astype(F32) + F32(m)


def _groups(blocks):
    """Joins the words of the blocks of a row."""
    for first in range(0, len(blocks), GROUP):
        group = blocks[first : first + GROUP]
        scales = np.zeros(GROUP, np.uint32)
        scales[: len(group)] = [block[0] for block in group]
        yield np.concatenate([scales, *(block[1:] for block in group)])


def quantise(base, matrix):
    """Returns the words of a float32 matrix [rows, columns] in a format, and the values they represent."""
    rows, columns = matrix.shape
    if base == "f16":
        half = matrix.astype(F16)
        return half.reshape(-1).view(np.uint32), half.astype(F32)
    words, values = [], np.empty_like(matrix)
    for r in range(rows):
        blocks = []
        for c in range(0, columns, BLOCK):
            w, values[r, c : c + BLOCK] = {"q8": _q8, "q4": _q4}[base](matrix[r, c : c + BLOCK])
            blocks.append(w)
        words += _groups(blocks)
    return np.concatenate(words), values


def quantise_model(model, base):
    """Quantizes every matrix of a model to a base format. A tied head is the embedding."""
    for p in model.parameters():
        if p.dim() == 2:
            p.data = torch.from_numpy(quantise(base, p.data.numpy())[1])


def make(file):
    """Writes matrices of typical and extreme blocks, and their words."""
    rng = np.random.default_rng(7)
    rows, columns = 12, 76
    x = rng.standard_normal((rows, columns)).astype(F32)
    x[1] *= F32(1e-3)
    x[2] = np.abs(x[2]) + F32(3)
    x[3] = -np.abs(x[3]) * F32(40)
    x[4] = 0
    x[5] = F32(0.7)
    x[6] *= F32(1e-7)  # subnormal in binary16
    x[7] = np.round(x[7] * 8) / F32(8)  # many values on borders
    x[8] *= F32(1e-30)
    x[9] = F32(-0.3) + x[9] * F32(1e-5)
    x[10, ::2] = 0
    x[11] = np.round(x[11] * 64) / F32(64) * F32(1000)
    out = {"rows": rows, "columns": columns, "values": x.reshape(-1).astype(float).tolist(), "formats": {}}
    for base in ("f16", "q8", "q4"):
        words, values = quantise(base, x)
        out["formats"][base] = {"words": words.tolist(), "values": values.reshape(-1).astype(float).tolist()}
    write_json(file, out)
