"""Writes rope/<kind>: small random Llamas whose rotary frequencies are scaled, as an HF folder and as the GGUF file of the same
weights, and the logits that transformers computes.

    python golden_rope.py        # from this folder; needs torch, transformers, safetensors, gguf, numpy
"""
import math
import pathlib
import shutil

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, RopeScalingType
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = pathlib.Path(__file__).parent / "rope"
HIDDEN, INTER, LAYERS, HEADS, KV, WIDTH, VOCAB, POSITIONS, THETA, EPS = 24, 40, 2, 2, 1, 16, 40, 128, 5000.0, 1e-5
KINDS = {
    "linear": {"factor": 4.0},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    "dynamic": {"factor": 4.0},
}
NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down"}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def paired(w, heads):
    """llama.cpp's order of the rows: those that turn together are neighbours (permute in convert_hf_to_gguf.py)."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def divisors(rope):
    """rope_freqs.weight as convert_hf_to_gguf.py computes it for Llama 3."""
    factor, low, high, old = (rope[k] for k in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))
    freqs = 1.0 / (THETA ** (torch.arange(0, WIDTH, 2, dtype=torch.float32) / WIDTH))
    out = []
    for freq in freqs:
        wavelen = 2 * math.pi / freq
        if wavelen < old / high:
            out.append(1)
        elif wavelen > old / low:
            out.append(factor)
        else:
            smooth = (old / wavelen - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(out, np.float32)


def gguf(folder, kind, rope, model):
    writer = GGUFWriter(folder / "model.gguf", "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_key_length(WIDTH)
    writer.add_value_length(WIDTH)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_vocab_size(VOCAB)
    if kind == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    else:
        writer.add_tensor("rope_freqs.weight", divisors(rope))
    for name, p in model.named_parameters():
        w = p.detach().numpy()
        if name in TOP:
            writer.add_tensor(TOP[name], w, raw_dtype=GGMLQuantizationType.F32)
            continue
        _, _, n, part = name.removesuffix(".weight").split(".", 3)
        if part.endswith(("q_proj", "k_proj")):
            w = paired(w, HEADS if part.endswith("q_proj") else KV)
        writer.add_tensor(f"blk.{n}.{NAMES[part]}.weight", np.ascontiguousarray(w), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(rope, ids):
    config = LlamaConfig(hidden_size=HIDDEN, intermediate_size=INTER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                         num_key_value_heads=KV, head_dim=WIDTH, vocab_size=VOCAB, max_position_embeddings=POSITIONS, rms_norm_eps=EPS,
                         rope_parameters={**rope, "rope_theta": THETA}, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
    torch.manual_seed(5)
    model = LlamaForCausalLM(config).eval()
    for p in model.parameters():
        p.data.normal_(1.0, 0.1) if p.dim() == 1 else p.data.normal_(0.0, 1.3 / p.shape[1] ** 0.5)
    with torch.no_grad():
        return model, model(ids[None]).logits[0]


ids = torch.tensor(np.random.default_rng(3).integers(0, VOCAB, 100))
_, plain = logits({"rope_type": "default"}, ids)
for kind, rope in KINDS.items():
    rope = {"rope_type": kind, **rope}
    model, z = logits(rope, ids)
    moved = (z - plain).abs().max().item()
    print(kind, "moves the logits by up to", round(moved, 3))
    assert (moved == 0) == (kind == "dynamic") and (moved == 0 or moved > 0.5)
    folder = here / kind
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder / "hf")
    (folder / "hf" / "generation_config.json").unlink()
    if kind != "dynamic":
        gguf(folder, kind, rope, model)
    save_file({"ids": ids.float(), "logits": z.contiguous()}, folder / "logits.safetensors")
    for file in folder.rglob("*.*"):
        file.chmod(0o644)
