"""Writes the golden files of core/weights with the reference implementations (torch, transformers, safetensors, peft).

    python golden.py        # from this folder; needs torch, transformers, safetensors, peft
"""
import json
import pathlib

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.numpy import save
from transformers import LlamaConfig, LlamaForCausalLM

here = pathlib.Path(__file__).parent
torch.manual_seed(7)


def model(**kw):
    config = LlamaConfig(vocab_size=29, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=[1, 2],
                         rope_theta=5000.0, **kw)
    return LlamaForCausalLM(config)


def describe(folder, files):
    """What a reader must find: per tensor its type, shape, sum and last value, converted to float32."""
    out = {}
    for file in files:
        with safe_open(folder / file, "pt") as f:
            for name in f.keys():
                t = f.get_tensor(name)
                x = t.to(torch.float32)
                out[name] = {"dtype": str(t.dtype), "shape": list(t.shape), "sum": x.double().sum().item(),
                             "last": x.flatten()[-1].item(), "file": file}
    (folder / "expected.json").write_text(json.dumps(out, indent=0, sort_keys=True))


def strip(folder):
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "README.md").unlink(missing_ok=True)


single = here / "f16_untied"
model(tie_word_embeddings=False).half().save_pretrained(single)
strip(single)
describe(single, ["model.safetensors"])

sharded = here / "bf16_tied_sharded"
model(tie_word_embeddings=True, head_dim=6).bfloat16().save_pretrained(sharded, max_shard_size="4KB")
strip(sharded)
describe(sharded, sorted(p.name for p in sharded.glob("*.safetensors")))

base = model(tie_word_embeddings=True)
lora = get_peft_model(base, LoraConfig(r=3, lora_alpha=12, use_rslora=True, target_modules=["q_proj", "down_proj"],
                                       task_type="CAUSAL_LM"))
for name, p in lora.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(p)
adapter = here / "peft"
lora.save_pretrained(adapter)
strip(adapter)
describe(adapter, ["adapter_model.safetensors"])
(adapter / "scaling.txt").write_text(repr(base.model.layers[0].mlp.down_proj.scaling["default"]))

# Every class of binary16 value, as the reference widens it.
half = np.concatenate([np.arange(0, 1 << 16, 97, dtype=np.uint16), np.array([0, 1, 0x3ff, 0x400, 0x7bff, 0x8001], np.uint16)])
half = half[np.isfinite(half.view(np.float16))]
(here / "half.safetensors").write_bytes(save({"f16": half.view(np.float16), "f32": half.view(np.float16).astype(np.float32)}))
