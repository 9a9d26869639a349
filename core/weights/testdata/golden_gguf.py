"""Writes gguf/*/model.gguf, small random models whose tensors have many types, and what transformers makes of the same files.

    python golden_gguf.py        # from this folder; needs torch, transformers, safetensors, gguf
"""
import pathlib

import numpy as np
import torch
from gguf import GGMLQuantizationType as T, GGUFWriter
from gguf.quants import quantize
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

here = pathlib.Path(__file__).parent / "gguf"
HIDDEN, INTER, LAYERS, VOCAB = 64, 96, 2, 40


def make(arch, heads, kv, width, tied):
    folder = here / arch
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    writer = GGUFWriter(folder / "model.gguf", arch)
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTER)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    if arch == "llama":
        writer.add_rope_dimension_count(width)
    if arch == "qwen3":
        writer.add_key_length(width)
        writer.add_value_length(width)
    writer.add_rope_freq_base(5000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def add(name, kind, *shape, mean=0.0):
        x = rng.normal(mean, 0.2, shape).astype(np.float32)
        writer.add_tensor(name, quantize(x, kind), raw_dtype=kind)

    add("token_embd.weight", T.Q8_0, VOCAB, HIDDEN)
    add("output_norm.weight", T.F32, HIDDEN, mean=1)
    if not tied:
        add("output.weight", T.F32, VOCAB, HIDDEN)
    for n, (q, k) in enumerate([(T.Q4_1, T.Q5_0), (T.F16, T.F32)]):
        add(f"blk.{n}.attn_norm.weight", T.F32, HIDDEN, mean=1)
        add(f"blk.{n}.attn_q.weight", q, heads * width, HIDDEN)
        add(f"blk.{n}.attn_k.weight", k, kv * width, HIDDEN)
        add(f"blk.{n}.attn_v.weight", T.Q5_1, kv * width, HIDDEN)
        add(f"blk.{n}.attn_output.weight", T.Q4_0, HIDDEN, heads * width)
        if arch == "qwen2":
            for part, rows in [("q", heads), ("k", kv), ("v", kv)]:
                add(f"blk.{n}.attn_{part}.bias", T.F32, rows * width)
        if arch == "qwen3":
            for part in "qk":
                add(f"blk.{n}.attn_{part}_norm.weight", T.F32, width, mean=1)
        add(f"blk.{n}.ffn_norm.weight", T.F32, HIDDEN, mean=1)
        add(f"blk.{n}.ffn_gate.weight", T.F16, INTER, HIDDEN)
        add(f"blk.{n}.ffn_up.weight", T.BF16, INTER, HIDDEN)
        add(f"blk.{n}.ffn_down.weight", T.Q8_0, HIDDEN, INTER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32).eval()
    ids = torch.tensor(rng.integers(0, VOCAB, 24), dtype=torch.int32)
    with torch.no_grad():
        logits = model(ids[None].long()).logits[0]
    # Every 13th value shows rows that changed places as well as all of them would.
    sample = {name: p.detach().flatten()[::13].clone() for name, p in model.named_parameters()}
    save_file(sample, folder / "tensors.safetensors")
    save_file({"ids": ids.float(), "logits": logits.contiguous()}, folder / "logits.safetensors")
    for file in folder.iterdir():
        file.chmod(0o644)


make("llama", heads=4, kv=2, width=16, tied=False)
make("qwen2", heads=4, kv=2, width=16, tied=True)
make("qwen3", heads=2, kv=1, width=128, tied=True)  # transformers takes 128 for granted
