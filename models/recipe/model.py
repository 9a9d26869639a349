"""A compact Llama: the same function as transformers' LlamaForCausalLM, with fused projections, which
train faster on a CPU."""
import os

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 256,
    "initializer_range": 0.02,
    "intermediate_size": 640,
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 8,
    "num_hidden_layers": 4,
    "num_key_value_heads": 4,
    "pad_token_id": 2,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "float16",
    "use_cache": True,
    "vocab_size": 4096,
}
WIDTH, HEADS, KV, HEAD = CONFIG["hidden_size"], CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"], CONFIG["head_dim"]
INNER, LAYERS, VOCAB, EPS = CONFIG["intermediate_size"], CONFIG["num_hidden_layers"], CONFIG["vocab_size"], CONFIG["rms_norm_eps"]
QKV = [HEADS * HEAD, KV * HEAD, KV * HEAD]


def norm(x, weight):
    return F.rms_norm(x, (WIDTH,), weight, EPS)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.Parameter(torch.ones(WIDTH)), nn.Parameter(torch.ones(WIDTH))
        self.qkv = nn.Linear(WIDTH, sum(QKV), bias=False)
        self.out = nn.Linear(HEADS * HEAD, WIDTH, bias=False)
        self.gate_up = nn.Linear(WIDTH, 2 * INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        q, k, v = (t.view(rows, length, -1, HEAD).transpose(1, 2) for t in self.qkv(norm(x, self.norm1)).split(QKV, -1))
        # PyTorch's flash attention for CPUs does not support grouped heads, so the key heads are repeated.
        k, v = rotate(k, cos, sin).repeat_interleave(HEADS // KV, 1), v.repeat_interleave(HEADS // KV, 1)
        a = F.scaled_dot_product_attention(rotate(q, cos, sin), k, v, is_causal=True)
        x = x + self.out(a.transpose(1, 2).reshape(rows, length, -1))
        gate, up = self.gate_up(norm(x, self.norm2)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(WIDTH))
        frequency = CONFIG["rope_theta"] ** -(torch.arange(0, HEAD, 2) / HEAD)
        angle = torch.arange(CONFIG["max_position_embeddings"])[:, None] * frequency
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=CONFIG["initializer_range"] * ((2 * LAYERS) ** -0.5 if deep else 1))

    def hidden(self, ids):
        """Returns the normalized hidden states, [rows, length, width]. The head is embed.weight."""
        x = self.embed(ids)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        return norm(x, self.norm)

    def forward(self, ids, targets):
        """Returns the sum of the negative log-likelihood of targets (−1 is ignored). ids and targets are
        [rows, length]."""
        x, targets = self.hidden(ids).flatten(0, 1), targets.flatten()
        if not torch.compiler.is_compiling():  # a compiled graph has a fixed shape
            x, targets = x[targets >= 0], targets[targets >= 0]
        logits = F.linear(x, self.embed.weight)
        return F.cross_entropy(logits.float(), targets, ignore_index=-1, reduction="sum")


def to_hf(state):
    """Converts a state dict of this model to transformers' names."""
    out = {"model.embed_tokens.weight": state["embed.weight"], "model.norm.weight": state["norm"]}
    for i in range(LAYERS):
        b, h = f"blocks.{i}.", f"model.layers.{i}."
        q, k, v = state[b + "qkv.weight"].split(QKV)
        gate, up = state[b + "gate_up.weight"].chunk(2)
        out |= {
            h + "input_layernorm.weight": state[b + "norm1"],
            h + "post_attention_layernorm.weight": state[b + "norm2"],
            h + "self_attn.q_proj.weight": q,
            h + "self_attn.k_proj.weight": k,
            h + "self_attn.v_proj.weight": v,
            h + "self_attn.o_proj.weight": state[b + "out.weight"],
            h + "mlp.gate_proj.weight": gate,
            h + "mlp.up_proj.weight": up,
            h + "mlp.down_proj.weight": state[b + "down.weight"],
        }
    return out


def gguf_file(folder):
    """Returns the arguments of from_pretrained for a folder whose weights are in model.gguf."""
    return {"gguf_file": "model.gguf"} if os.path.exists(os.path.join(folder, "model.gguf")) else {}


def from_hf(tensors):
    """Converts a state dict of transformers to this model's names."""
    state = {"embed.weight": tensors["model.embed_tokens.weight"], "norm": tensors["model.norm.weight"]}
    for i in range(LAYERS):
        b, h = f"blocks.{i}.", f"model.layers.{i}."
        state |= {
            b + "norm1": tensors[h + "input_layernorm.weight"],
            b + "norm2": tensors[h + "post_attention_layernorm.weight"],
            b + "qkv.weight": torch.cat([tensors[h + f"self_attn.{n}_proj.weight"] for n in "qkv"]),
            b + "out.weight": tensors[h + "self_attn.o_proj.weight"],
            b + "gate_up.weight": torch.cat([tensors[h + f"mlp.{n}_proj.weight"] for n in ("gate", "up")]),
            b + "down.weight": tensors[h + "mlp.down_proj.weight"],
        }
    return {k: v.float() for k, v in state.items()}
