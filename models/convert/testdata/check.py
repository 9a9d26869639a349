"""Compares a model that `nextquill model convert SOURCE OUT --to TYPE --shard 2000000000` wrote with the gguf
package. The bytes of each tensor must equal those that the package packs. For lossless types, both must
give the same logits in transformers.

    python check.py SOURCE OUT        # SOURCE: a Llama in safetensors; needs gguf, safetensors, transformers, torch
"""
import json
import pathlib
import sys

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import quantize
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

source, out = map(pathlib.Path, sys.argv[1:3])
config = json.loads((source / "config.json").read_text())
values = load_file(source / "model.safetensors")
PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
         "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def permute(w, heads):  # LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


tensors = GGUFReader(out / "model.gguf").tensors
for t in tensors:
    parts = t.name.split(".")
    w = values[(TOP.get(parts[0]) or f"model.layers.{parts[1]}.{PARTS[parts[2]]}") + ".weight"].float().numpy()
    if "attn_q." in t.name:
        w = permute(w, config["num_attention_heads"])
    if "attn_k." in t.name:
        w = permute(w, config["num_key_value_heads"])
    want = np.ascontiguousarray(quantize(w, t.tensor_type))
    assert np.array_equal(np.ascontiguousarray(t.data).view(np.uint8).ravel(), want.view(np.uint8).ravel()), t.name
print(len(tensors), "tensors, bit for bit:", *sorted({t.tensor_type.name for t in tensors}))

ids = torch.randint(config["vocab_size"], (1, 64), generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    ours, theirs = [AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32, **more).eval()(ids).logits
                    for d, more in [(out, {"gguf_file": "model.gguf"}), (source, {})]]
print("logits differ by at most", (ours - theirs).abs().max().item())
