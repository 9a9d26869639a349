"""Writes a checkpoint as a Hugging Face model folder (F16), and compares it with transformers.

    python export.py --checkpoint build/checkpoint.pt --out ../default
"""
import argparse
import json
import os

import torch
from safetensors.torch import save

from model import CONFIG, Llama, to_hf

GENERATION = {
    "bos_token_id": CONFIG["bos_token_id"],
    "eos_token_id": CONFIG["eos_token_id"],
    "pad_token_id": CONFIG["pad_token_id"],
    "do_sample": True,
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.95,
    "repetition_penalty": 1.1,
    "max_new_tokens": 96,
}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def check(model, folder):
    """Asserts that transformers computes the same loss from the exported folder as the trained model."""
    from transformers import AutoModelForCausalLM

    hf = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.randint(3, CONFIG["vocab_size"], (2, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = hf(input_ids=ids[:, :-1]).logits
        theirs = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
        ours = model(ids[:, :-1], ids[:, 1:])
    gap = abs(theirs - ours).item() / ours.item()
    print(f"transformers agrees to {gap:.1e} (F16 rounding)")
    assert gap < 1e-3


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--checkpoint", required=True)
    a.add_argument("--out", required=True)
    a = a.parse_args()
    saved = torch.load(a.checkpoint, map_location="cpu", weights_only=True)
    model = Llama()
    model.load_state_dict(saved["model"])
    tensors = {k: v.to(torch.float16).contiguous() for k, v in to_hf(model.state_dict()).items()}
    assert all(torch.isfinite(t).all() for t in tensors.values())
    data = save(tensors, metadata={"format": "pt"})
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "model.safetensors"), "wb") as f:
        f.write(data)
    write_json(os.path.join(a.out, "config.json"), CONFIG)
    write_json(os.path.join(a.out, "generation_config.json"), GENERATION)
    print(f"{sum(t.numel() for t in tensors.values())} parameters; {saved['note']}")
    check(model, a.out)


if __name__ == "__main__":
    main()
