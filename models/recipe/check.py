"""Evaluates the base model on the sample writer with transformers: held-out loss with and without
his history, samples, and the effect of LoRA fine-tuning. This is a reference for the product, which
needs no Python.

    python check.py --model ../default --sample ../../samples/bierce [--tune] [--lr 2e-3 --epochs 3 --items 160]
"""
import argparse
import json
import math
import os
import random
import time

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForCausalLM

import format as fmt
from model import gguf_file

LATEST = 3


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def encode(tok, item, earlier):
    """Returns (ids, number of response ids at the end)."""
    ids = [fmt.BOS_ID]
    for segment in (fmt.PREFIX, fmt.history(earlier), fmt.suffix(item["context"])):
        ids += tok.encode(segment).ids
    answer = tok.encode(fmt.response(item["text"])).ids + [fmt.EOS_ID]
    return ids + answer, len(answer)


def response_loss(model, batch):
    """Returns the sum of nats over the responses of a batch, and the number of response tokens."""
    longest = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), longest), fmt.PAD_ID)
    targets = torch.full((len(batch), longest), -100)
    for i, (row, n) in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row)
        targets[i, len(row) - n : len(row)] = ids[i, len(row) - n : len(row)]
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), reduction="sum")
    return loss, sum(n for _, n in batch)


@torch.no_grad()
def evaluate(model, batch):
    total, count = 0.0, 0
    for i in range(0, len(batch), 20):
        loss, n = response_loss(model, batch[i : i + 20])
        total, count = total + loss.item(), count + n
    return total / count


class LoRA(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x):
        return self.base(x) + (x @ self.a.T @ self.b.T) * self.scale


def adapt(model, rank, alpha):
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.model.layers:
        for holder in layer.self_attn, layer.mlp:
            for name, m in list(holder.named_children()):
                if isinstance(m, nn.Linear):
                    setattr(holder, name, LoRA(m, rank, alpha))
    return [p for p in model.parameters() if p.requires_grad]


def tune(model, params, batch, lr, epochs, size, report):
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    steps, step = epochs * math.ceil(len(batch) / size), 0
    for epoch in range(epochs):
        order = random.Random(epoch).sample(batch, len(batch))
        total, count = 0.0, 0
        for i in range(0, len(order), size):
            loss, n = response_loss(model, order[i : i + size])
            total, count = total + loss.item(), count + n
            (loss / n).backward()
            nn.utils.clip_grad_norm_(params, 1.0)
            for g in opt.param_groups:
                g["lr"] = lr * min(1, (step + 1) / max(1, steps // 20)) * 0.5 * (1 + math.cos(math.pi * step / steps))
            opt.step()
            opt.zero_grad()
            step += 1
        print(f"    epoch {epoch + 1}: train {total / count:.4f}, {report()}", flush=True)


def write(model, tok, prompt, seed=1):
    torch.manual_seed(seed)
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=70, do_sample=True, temperature=0.7, top_k=40, top_p=0.95, repetition_penalty=1.1)
    return tok.decode(out[0, len(prompt) :].tolist()).strip()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--model", required=True)
    a.add_argument("--sample", required=True)
    a.add_argument("--tune", action="store_true")
    a.add_argument("--lr", type=float, default=2e-3)
    a.add_argument("--epochs", type=int, default=3)
    a.add_argument("--items", type=int, default=160)
    a.add_argument("--batch", type=int, default=8)
    a.add_argument("--rank", type=int, default=16)
    a.add_argument("--alpha", type=float, default=32)
    a.add_argument("--words", type=int, default=6, help="held-out words to write about")
    a = a.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    tok = Tokenizer.from_file(os.path.join(a.model, "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, **gguf_file(a.model))
    past, future = (read(os.path.join(a.sample, n + ".jsonl")) for n in ("history", "heldout"))
    everything = past + future
    first = len(past)

    def latest(i):
        return everything[max(0, i - LATEST) : i]

    tests = {
        "no history": [encode(tok, x, []) for x in future],
        f"latest {LATEST}": [encode(tok, x, latest(first + i)) for i, x in enumerate(future)],
    }
    print("held-out items:", len(future), "response tokens:", sum(n for _, n in tests["no history"]), "longest prompt and response:", max(len(r) for r, _ in tests[f"latest {LATEST}"]))

    def report():
        return ", ".join(f"{k} {evaluate(model, v):.4f}" for k, v in tests.items())

    def show():
        for i, x in enumerate(future[: a.words]):
            print(f"  {x['context']['word']}: {x['text']}")
            for k, v in tests.items():
                row, n = v[i]
                print(f"    {k:12} {write(model, tok, row[:-n])}")

    print("base:", report())
    show()
    if a.tune:
        params = adapt(model, a.rank, a.alpha)
        print(f"LoRA rank {a.rank}, alpha {a.alpha:g}, {sum(p.numel() for p in params)} parameters, lr {a.lr:g}, {a.items} items, with their history:")
        begin = time.time()
        tune(model, params, [encode(tok, past[i], latest(i)) for i in range(first - a.items, first)], a.lr, a.epochs, a.batch, report)
        print(f"    {time.time() - begin:.0f} s")
        show()


if __name__ == "__main__":
    main()
