"""PyTorch and PEFT as a peer of cmd/benchpeers: LoRA training steps of a Llama with random weights.

Reads one line of JSON with the sizes, then answers each line {"ids": [...]} with the seconds of a
step on the processor."""

import json
import sys
import time

import peft
import torch
import transformers

setup = json.loads(sys.stdin.readline())
torch.set_num_threads(setup["threads"])
torch.manual_seed(1)
model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**setup["config"], attn_implementation="sdpa"))
lora = peft.LoraConfig(r=setup["rank"], lora_alpha=2 * setup["rank"], target_modules="all-linear")
model = peft.get_peft_model(model, lora).train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)
print(json.dumps({"ready": f"PyTorch {torch.__version__}, PEFT {peft.__version__}, f32, processor"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    ids = torch.tensor([request["ids"]])
    labels = ids.clone()
    labels[:, : -request["responses"]] = -100
    begun = time.perf_counter()
    optimizer.zero_grad()
    model(input_ids=ids, labels=labels).loss.backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)
