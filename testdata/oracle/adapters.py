"""Writes adapters/: small adapters that PEFT trains on the models of this folder, and the results that
PEFT computes with them.

    python adapters.py        # from this folder, after make.py models

adapters/<name>/
  case.json            the model, and the names of the changed weights
  adapter/             the two files of PEFT
  logits.safetensors   "logits" [30, vocabulary] F32 of the ids in logits/ids.json
  greedy.json          three prompts and the 64 greedy tokens that follow; each leads by more than 1e-3
  merged.safetensors   the weights that merge_and_unload changes, in the type of the model
"""

import json
import os
import random
import shutil
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

import reference as ref
from jsonfiles import read_json, write_json

torch.set_num_threads(1)  # gives the same sums on any machine

HERE = os.path.dirname(os.path.abspath(__file__))
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "plain": ("gqa", dict(r=4, lora_alpha=8, target_modules=LINEARS)),
    "rslora": ("qwen3", dict(r=6, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"])),
    "pattern": ("qwen2", dict(r=3, lora_alpha=12, target_modules=r"model\.layers\.\d+\.(self_attn\.(?!k)[a-z]_proj|mlp\.(?:up|down)_proj)")),
    "all-linear": ("odd", dict(r=5, lora_alpha=7, target_modules="all-linear")),
    "ranks": ("tied", dict(r=4, lora_alpha=8, target_modules=LINEARS, rank_pattern={"o_proj": 7, r"layers\.1\.mlp\.up_proj": 1},
                           alpha_pattern={"model.layers.0.self_attn.q_proj": 3.5, "o_proj": 21})),
    "layers": ("scaled", dict(r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"], layers_to_transform=[1], layers_pattern="layers",
                              exclude_modules="lm_head")),
    "half": ("half", dict(r=4, lora_alpha=8, use_rslora=True, target_modules=["k_proj", "o_proj", "gate_proj"])),
    "brain": ("brain", dict(r=8, lora_alpha=16, target_modules=["q_proj", "down_proj"])),
}


def path(*parts):
    return os.path.join(HERE, *parts)


def load(model, dtype):
    return AutoModelForCausalLM.from_pretrained(path("models", model), dtype=dtype, attn_implementation="eager")


def train(model, rng):
    """Trains twenty steps on random texts, enough to change every factor."""
    vocab = model.config.vocab_size
    texts = torch.tensor([[rng.randrange(vocab) for _ in range(24)] for _ in range(4)])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-2)
    for _ in range(20):
        optimizer.zero_grad()
        model(input_ids=texts, labels=texts).loss.backward()
        optimizer.step()


def make(name, seed):
    model_name, asked = CASES[name]
    out = path("adapters", name)
    shutil.rmtree(out, ignore_errors=True)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = get_peft_model(load(model_name, torch.float32), LoraConfig(task_type="CAUSAL_LM", **asked))
    train(model, rng)
    model.save_pretrained(os.path.join(out, "adapter"))
    os.remove(os.path.join(out, "adapter", "README.md"))
    file = os.path.join(out, "adapter", "adapter_config.json")
    cfg = read_json(file)
    cfg["base_model_name_or_path"] = model_name
    if isinstance(cfg["target_modules"], list):
        cfg["target_modules"].sort()  # PEFT keeps a set, whose order is undefined
    with open(file, "w") as f:
        json.dump(cfg, f, indent=2)
        f.write("\n")

    model = PeftModel.from_pretrained(load(model_name, torch.float32), os.path.join(out, "adapter")).eval()
    ids = torch.tensor([read_json(path("logits", "ids.json"))[model_name]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0]
        with model.disable_adapter():
            moved = (model(input_ids=ids).logits[0] - logits).abs().max().item()
    assert moved > 0.5, moved
    save_file({"logits": logits.contiguous()}, os.path.join(out, "logits.safetensors"))
    write_json(os.path.join(out, "greedy.json"), ref.greedy(model, rng, 3))

    base = load(model_name, "auto")
    before = {k: v.clone() for k, v in base.state_dict().items()}
    merged = PeftModel.from_pretrained(base, os.path.join(out, "adapter")).merge_and_unload()
    changed = {k: v.contiguous() for k, v in merged.state_dict().items() if not torch.equal(v, before[k])}
    save_file(changed, os.path.join(out, "merged.safetensors"))
    write_json(os.path.join(out, "case.json"), {"model": f"../../models/{model_name}", "changed": sorted(changed)})
    print(f"{name:10} on {model_name:6} moves the logits by up to {moved:.2f}; {len(changed)} weights, {next(iter(changed.values())).dtype}")
    for folder, _, files in os.walk(out):
        for f in files:
            os.chmod(os.path.join(folder, f), 0o644)


def main():
    warnings.filterwarnings("ignore")
    logging.disable_progress_bar()
    for i, name in enumerate(CASES):
        make(name, 400 + i)


if __name__ == "__main__":
    sys.exit(main())
