"""Repeats `nextquill eval` in PyTorch: python personal.py MODEL WRITERS.jsonl OUT.jsonl --fields genre,rating

transformers and peft train and test methods on each writer. WRITERS.jsonl has {"user": …, "items": [{"text": …,
"date": …, …}]} in each line. The flags are those of `nextquill eval`. So are the prompts, the order of the texts, the
first values of the adapter, the optimizer and the datastore: the losses are equal, except for rounding. OUT.jsonl gets
one line for each writer and method. Writers that it already has are skipped. personal_table.py makes a table of it.

MODEL is a GGUF file, or a Hugging Face folder, whose weights may be in model.gguf. A writer's texts must be distinct, and
short enough for the model's context length.
"""

import argparse
import functools
import json
import math
import os
import sys
import time

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoTokenizer
from transformers.utils import logging

import reference as ref
from gorand import PCG

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LATEST = 3
DELTA, LAMBDA, EPSILON, ALPHA = 0.05, 0.9, 0.1, 0.1  # of the preset nextquill
SHARPNESS, BOOST, MAX_SHARE = 20, 1, 0.9  # of the preset quill
TEMPERATURES = [t / 20 for t in range(14, 29)]


def read_writers(path, fields):
    """Yields (name, texts in the order of time), each text as (context lines, text)."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            writer = json.loads(line)
            items = sorted(writer["items"], key=lambda it: it.get("date", ""))
            context = lambda it: "".join(f"{name}: {it[name]}\n" for name in fields if it.get(name))
            yield writer["user"], [(context(it), it["text"]) for it in items]


def sample(tok, items, i, longest):
    """The prompts and the response of a text. The history has the latest texts that fit in a prompt of longest tokens."""
    context, text = items[i]
    ids = lambda text: tok.encode(text, add_special_tokens=False)
    none = "None\n\n"

    def prompt(history):
        if not tok.chat_template:
            parts = ["History:\n", history, f"Now:\n{context}text:"]
            return [tok.bos_token_id] + [t for part in parts for t in ids(part)]
        request = "Write my next text, in my own words and style. Answer with the text alone.\n\n" + context + "text:"
        said = "Texts that I have written, each with what it was for:\n\n" + history + request
        return tok.apply_chat_template([{"role": "user", "content": said}], add_generation_prompt=True, return_dict=False)

    blocks = [f"{context}text: {text}\n\n" for context, text in items[max(0, i - LATEST) : i]]
    while len(prompt("".join(blocks))) > longest:
        blocks.pop(0)
    response = ids(text if tok.chat_template else " " + text) + [tok.eos_token_id]
    with_history = prompt("".join(blocks) or none)
    return {"with": with_history, "without": prompt(none), "response": response, "y": torch.tensor(response)}


def states(model, prompt, response):
    """The final hidden states [T, hidden] that predict the response."""
    llama = model.get_base_model() if isinstance(model, PeftModel) else model
    ids = torch.tensor([prompt + response[:-1]])
    return llama.model(input_ids=ids, use_cache=False).last_hidden_state[0, len(prompt) - 1 :]


def logits(model, s, side):
    return model.get_output_embeddings()(states(model, s[side], s["response"]))


def adapter(base, rank, seed):
    """A new adapter with the first values of core/model/lora.go."""
    model = get_peft_model(base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LINEARS, task_type="CAUSAL_LM"))
    weights = [p for name, p in model.named_parameters() if ".lora_A." in name]
    drawn = uniform(sum(w.numel() for w in weights), seed).split([w.numel() for w in weights])
    for w, values in zip(weights, drawn):
        w.data.copy_((values / math.sqrt(w.shape[1])).reshape(w.shape))
    return model


@functools.cache
def uniform(n, seed):
    rng = PCG(seed, 0x10A)
    return torch.tensor([2 * rng.float64() - 1 for _ in range(n)], dtype=torch.float64)


def train(base, samples, side, a, omega=None):
    """Trains an adapter: by the likelihood of the responses, or with omega by the objective of the preset nextquill."""
    model = adapter(base, a.rank, a.seed)
    params = list(ref.trainable(model).values())
    optimizer = torch.optim.AdamW(params, lr=0.0, weight_decay=0.0)
    per_epoch = math.ceil(len(samples) / a.batch_size)
    steps = a.epochs * per_epoch
    rate = {"lr": a.lr, "steps": steps, "warmup": math.ceil(0.1 * steps)}
    for step in range(steps):
        epoch, at = divmod(step, per_epoch)
        batch = PCG(a.seed, epoch).permutation(len(samples))[at * a.batch_size : (at + 1) * a.batch_size]
        divisor = len(batch) if omega else sum(len(samples[i]["y"]) for i in batch)
        optimizer.zero_grad()
        for i in batch:
            s = samples[i]
            z = logits(model, s, side)
            ce = ref.cross_entropy(z, s["y"])
            if omega:
                ce = omega[i] * (ce + ALPHA * ref.cross_entropy(z - logits(model, s, "without"), s["y"]))
            (ce.sum() / divisor).backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.param_groups[0]["lr"] = ref.learning_rate(rate, step)
        optimizer.step()
    return model


@torch.no_grad()
def predictions(model, samples, *sides):
    """Yields the hidden states and the logits of a text by side: {side: (h [T, hidden], z [T, vocabulary])}."""
    for s in samples:
        h = {side: states(model, s[side], s["response"]) for side in sides}
        yield {side: (h[side], model.get_output_embeddings()(h[side])) for side in sides}


def effect(predicted, y):
    """p(with history) - p(without) of each token."""
    return ref.probability(predicted["with"][1], y) - ref.probability(predicted["without"][1], y)


class Datastore:
    """The states and tokens of the training texts (core/datastore), with a share fitted to the validation texts."""

    @torch.no_grad()
    def __init__(self, model, samples, validation):
        self.keys = torch.cat([self.unit(states(model, s["with"], s["response"])) for s in samples])
        self.tokens = torch.cat([s["y"] for s in samples])
        p, r = [], []
        for s, predicted in zip(validation, predictions(model, validation, "with")):
            h, z = predicted["with"]
            p.append(ref.probability(z, s["y"]).double())
            r.append(self.probability(h, s["y"]).double())
        self.share = self.fit(torch.cat(p), torch.cat(r))

    @staticmethod
    def fit(p, r):
        """The share at which the tokens are the most likely."""
        slope = lambda share: ((r - p) / ((1 - share) * p + share * r)).sum().item()
        low, high = 0.0, MAX_SHARE
        if slope(low) <= 0:
            return low
        while high - low > 1e-4:
            middle = (low + high) / 2
            low, high = (middle, high) if slope(middle) > 0 else (low, middle)
        return low

    @staticmethod
    def unit(h):
        return h / h.norm(dim=-1, keepdim=True)

    def probability(self, h, y):
        """That of the tokens y, with the tokens of the text itself before each."""
        q = self.unit(h)
        w = torch.exp(SHARPNESS * (q @ self.keys.T - 1))
        own = torch.exp(SHARPNESS * (q @ q.T - 1) + BOOST).tril(-1)
        hit = (w * (self.tokens == y[:, None])).sum(1) + (own * (y == y[:, None])).sum(1)
        return hit / (w.sum(1) + own.sum(1))


@torch.no_grad()
def score(predicted, samples, side, preferred, datastore=None):
    """Sums over the tokens of each text, in nats. curve has [loss, loss of preference tokens, probability] at TEMPERATURES."""
    out = []
    for (h, z), other, s, mark in zip((p[side] for p in predicted), predicted, samples, preferred):
        y = s["y"]
        recalled = datastore.probability(h, y) if datastore else None

        def point(t):
            p = ref.probability(z / t, y)
            if datastore:
                p = (1 - datastore.share) * p + datastore.share * recalled
            return [-p.log().sum().item(), -p.log()[mark].sum().item(), p.sum().item()]

        row = {"tokens": len(y), "preference": int(mark.sum()), "curve": [point(t) for t in TEMPERATURES]}
        row["loss"], row["preferred"], row["probability"] = point(1)
        if side == "with":
            row["erased"] = ref.cross_entropy(other["without"][1], y).sum().item()
        out.append(row)
    return out


def run(base, items, tok, a):
    """Yields (method, scores of the test texts, seconds of training) for a writer."""
    items = items[-(a.train + a.validation + a.test) :]
    first_test = len(items) - a.test
    positions = base.config.max_position_embeddings
    longest = positions - positions // 4  # of core/dataset/dataset.go
    samples = [sample(tok, items, i, longest) for i in range(len(items))]
    learnt = samples[: first_test - a.validation]
    validation, test = samples[len(learnt) : first_test], samples[first_test:]
    predict = lambda model, *sides: list(predictions(model, test, *sides))

    predicted = predict(base, "with", "without")
    preferred = [effect(p, s["y"]) > DELTA for p, s in zip(predicted, test)]
    yield "base", score(predicted, test, "without", preferred), 0
    yield "latestk", score(predicted, test, "with", preferred), 0
    if "sft" in a.methods:
        began = time.process_time()
        model = train(base, learnt, "without", a)
        seconds = time.process_time() - began
        yield "sft", score(predict(model, "without"), test, "without", preferred), seconds
        model.unload()

    began = time.process_time()
    model = train(base, learnt, "with", a)
    seconds = time.process_time() - began
    predicted = predict(model, "with", "without")
    yield "contextsft", score(predicted, test, "with", preferred), seconds
    datastore = Datastore(model, learnt, validation)
    print(f"share {datastore.share:.4f}")
    yield "quill", score(predicted, test, "with", preferred, datastore), seconds
    if "nextquill" in a.methods:
        began = time.process_time()
        marked = (effect(p, s["y"]) > DELTA for p, s in zip(predictions(model, learnt, "with", "without"), learnt))
        omega = [torch.where(m, LAMBDA, EPSILON) for m in marked]
        model.unload()
        model = train(base, learnt, "with", a, omega)
        seconds += time.process_time() - began
        yield "nextquill", score(predict(model, "with", "without"), test, "with", preferred), seconds
    model.unload()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("writers")
    p.add_argument("out")
    p.add_argument("--fields", type=lambda s: s.split(","), default=[])
    p.add_argument("--methods", type=lambda s: s.split(","), default=["sft", "nextquill"], help="beside the others")
    texts = {"users": 0, "train": 160, "validation": 10, "test": 20}
    training = {"epochs": 3, "batch-size": 8, "rank": 8, "seed": 1}
    for name, value in {**texts, **training}.items():
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--lr", type=float, default=1e-3)
    a = p.parse_args()
    logging.disable_progress_bar()
    base = ref.load_base(a.model, torch.float32).requires_grad_(False)
    folder, gguf = os.path.split(a.model) if a.model.endswith(".gguf") else (a.model, None)
    tok = AutoTokenizer.from_pretrained(folder, gguf_file=gguf)
    done = set()
    if os.path.exists(a.out):
        with open(a.out) as f:
            done = {json.loads(line)["user"] for line in f}
    writers = list(read_writers(a.writers, a.fields))
    for user, items in writers[: a.users or None]:
        if user in done:
            continue
        rows = []
        for method, texts, seconds in run(base, items, tok, a):
            rows.append({"user": user, "method": method, "texts": texts, "train_seconds": round(seconds, 1)})
            tokens = sum(t["tokens"] for t in texts)
            loss = sum(t["loss"] for t in texts) / tokens
            print(f"{user}: {method} {loss:.4f}, {tokens} tokens, {seconds:.0f} s of training", flush=True)
        with open(a.out, "a") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)


if __name__ == "__main__":
    sys.exit(main())
