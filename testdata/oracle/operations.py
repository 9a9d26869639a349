"""Writes small inputs and outputs of single operations, forward and backward, from torch autograd in
float64.

Inputs are multiples of 1/64, which f32 represents exactly. Tensors are row-major: {"shape": [...], "data": [...]}.
"""

import torch

from jsonfiles import write_json


def draw(*shape, scale=1.0):
    return torch.round(torch.randn(*shape, dtype=torch.float64) * scale * 64) / 64


def pack(value):
    if not isinstance(value, torch.Tensor):
        return value
    data = [float(f"{x:.10g}") for x in value.detach().flatten().tolist()]
    return {"shape": list(value.shape), "data": data}


def case(op, inputs, forward, params=None):
    """Runs forward(**inputs, **params). The gradients are those of sum(dout * out). Non-tensor values are
    parameters."""
    params = params or {}
    leaves = {k: v.clone().requires_grad_() for k, v in inputs.items()}
    out = forward(**leaves, **params)
    dout = draw(*out.shape)
    out.backward(dout)
    return {
        "op": op, "params": {k: pack(v) for k, v in params.items()}, "inputs": {k: pack(v) for k, v in inputs.items()},
        "out": pack(out), "dout": pack(dout), "grads": {k: pack(v.grad) for k, v in leaves.items()},
    }


def rms_norm(x, weight, eps):
    return weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def rope(x, positions, theta):
    """x [tokens, heads, head_dim]. Rotates the two halves of a head (not neighbouring values)."""
    half = x.shape[-1] // 2
    inv = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.tensor(positions, dtype=torch.float64)[:, None, None] * inv
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def swiglu(gate, up):
    return torch.nn.functional.silu(gate) * up


def linear(x, weight):
    return x @ weight.T


def lora(x, weight, a, b, scale):
    """weight [out, in], a [rank, in], b [out, rank]; scale = alpha / rank."""
    return x @ weight.T + scale * (x @ a.T) @ b.T


def attention(q, k, v, prefix, branch):
    """q [T, H, D], k and v [T, KV, D]; token t sees [prefix[t][0], prefix[t][1]) and [branch[t], t]."""
    tokens, heads, dim = q.shape
    seen = torch.zeros(tokens, tokens, dtype=torch.bool)
    for t in range(tokens):
        seen[t, prefix[t][0] : prefix[t][1]] = True
        seen[t, branch[t] : t + 1] = True
    group = heads // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = torch.einsum("qhd,khd->hqk", q, k) * dim**-0.5
    probs = torch.softmax(scores.masked_fill(~seen, float("-inf")), -1)
    return torch.einsum("hqk,khd->qhd", probs, v)


def packed_ranges(samples):
    """Returns the ranges that each token attends to, for packed samples of (prefix, branch A, branch B)
    tokens."""
    prefix, branch = [], []
    for p, a, b in samples:
        start = len(prefix)
        prefix += [(start, start)] * p  # a prefix token attends to the prefix up to itself, which is its branch range
        branch += [start] * p
        for n in (a, b):
            first = len(prefix)
            prefix += [(start, start + p)] * n
            branch += [first] * n
    return prefix, branch


def adamw(steps, lr, betas, eps, weight_decay):
    param = draw(9).requires_grad_()
    start = param.detach().clone()
    optimizer = torch.optim.AdamW([param], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
    grads, after = [], []
    for _ in range(steps):
        param.grad = draw(9, scale=0.5)
        grads.append(param.grad.clone())
        optimizer.step()
        after.append(param.detach().clone())
    return {
        "op": "adamw", "params": {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay},
        "inputs": {"param": pack(start), "grads": pack(torch.stack(grads))}, "out": pack(torch.stack(after)),
    }


def make(file):
    torch.manual_seed(7)
    cases = [
        case("rms_norm", {"x": draw(3, 10), "weight": draw(10)}, rms_norm, {"eps": 1e-5}),
        case("rms_norm", {"x": draw(1, 1), "weight": draw(1)}, rms_norm, {"eps": 1e-6}),
        case("rope", {"x": draw(5, 2, 6)}, rope, {"positions": [0, 1, 2, 1, 37], "theta": 50000.0}),
        case("swiglu", {"gate": draw(3, 7, scale=3), "up": draw(3, 7)}, swiglu),
        case("linear", {"x": draw(5, 7), "weight": draw(9, 7)}, linear),
        case("linear", {"x": draw(1, 13), "weight": draw(3, 13)}, linear),
        case("lora", {"x": draw(5, 7), "weight": draw(9, 7), "a": draw(3, 7), "b": draw(9, 3)}, lora, {"scale": 2.0}),
    ]
    # two packed samples with grouped heads; empty prefix; one token with one head
    for samples, heads, kv, dim in [([(3, 4, 2), (0, 3, 2)], 4, 2, 6), ([(0, 5, 1)], 3, 1, 3), ([(1, 0, 0)], 1, 1, 4)]:
        tokens = sum(sum(s) for s in samples)
        prefix, branch = packed_ranges(samples)
        inputs = {"q": draw(tokens, heads, dim), "k": draw(tokens, kv, dim), "v": draw(tokens, kv, dim)}
        cases.append(case("attention", inputs, attention, {"prefix": prefix, "branch": branch}))
    cases.append(adamw(3, 0.01, [0.9, 0.999], 1e-8, 0.1))
    write_json(file, {"cases": cases})
