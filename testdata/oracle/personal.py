"""Repeats `nextquill eval` in PyTorch: python personal.py MODEL WRITERS.jsonl OUT.jsonl --fields genre,rating

transformers and peft train and test methods on each writer. WRITERS.jsonl has {"user": …, "items": [{"text": …,
"date": …, …}]} in each line, or one text in each line, as `go run ./cmd/evalwriters` writes it. The prompts, the order
of the texts, the first values of the adapter, the optimizer and the datastore are those of `nextquill eval`, so the
losses are equal, except for rounding. Flags with the same name have the same meaning. OUT.jsonl gets one line for each
writer and method. Writers that it already has are skipped. personal_table.py makes a table of it. With --keep FOLDER,
the adapters and datastores of ContextSFT and Quill are kept for later runs, and for personal_authors.py and
personal_drafts.py. --pooled adds regimes that train on all writers, and --others adds OPPU.

MODEL is a GGUF file, or a Hugging Face folder, whose weights may be in model.gguf. A writer's texts must be distinct, and
short enough for the model's context length.
"""

import argparse
import copy
import itertools
import json
import os
import sys
import time

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoTokenizer
from transformers.utils import logging

import personal_rank as rank
import reference as ref
from personal_train import DELTA, PRESETS, adapter, effect, states, train

LATEST = 3
SHARPNESS, BOOST, MAX_SHARE = 20, 1, 0.9  # of the preset quill
STEERING = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2]  # of the method cos
METHODS = ["retrieval", "retrieval-dense", "cos"] + [name for name in PRESETS if name != "contextsft"]
TEMPERATURES = [t / 20 for t in range(14, 29)]


def read_writers(path, fields):
    """Yields (name, texts in the order of time), each text as (context lines, context values, text)."""
    writers = {}
    with open(path, encoding="utf-8") as f:
        for row in map(json.loads, f):
            writers.setdefault(row["user"], []).extend(row.get("items", [row]))
    for user, texts in writers.items():
        items = []
        for it in sorted(texts, key=lambda it: it.get("date", it.get("time", ""))):
            facts = it.get("context", it)
            context = [(name, facts[name]) for name in fields if facts.get(name)]
            lines = "".join(f"{name}: {value}\n" for name, value in context)
            items.append((lines, "\n".join(value for _, value in context), it["text"]))
        yield user, items


def sample(tok, items, i, longest, select=rank.latest):
    """The prompts and the response of a text. The history has the selected texts that fit in a prompt of longest tokens."""
    context, _, text = items[i]
    ids = lambda text: tok.encode(text, add_special_tokens=False)
    none = "None\n\n"

    def prompt(history):
        if not tok.chat_template:
            parts = ["History:\n", history, f"Now:\n{context}text:"]
            return [tok.bos_token_id] + [t for part in parts for t in ids(part)]
        request = "Write my next text, in my own words and style. Answer with the text alone.\n\n" + context + "text:"
        said = "Texts that I have written, each with what it was for:\n\n" + history + request
        return tok.apply_chat_template([{"role": "user", "content": said}], add_generation_prompt=True, return_dict=False)

    chosen = (items[j] for j in select(items, i, LATEST))
    blocks = [f"{context}text: {text}\n\n" for context, _, text in chosen]
    while len(prompt("".join(blocks))) > longest:
        blocks.pop(0)
    response = ids(text if tok.chat_template else " " + text) + [tok.eos_token_id]
    with_history = prompt("".join(blocks) or none)
    return {"with": with_history, "without": prompt(none), "response": response, "y": torch.tensor(response)}


@torch.no_grad()
def predictions(model, samples, *sides):
    """Yields the hidden states and the logits of a text by side: {side: (h [T, hidden], z [T, vocabulary])}."""
    for s in samples:
        h = {side: states(model, s[side], s["response"]) for side in sides}
        yield {side: (h[side], model.get_output_embeddings()(h[side])) for side in sides}


class Datastore:
    """The states and tokens of the training texts (core/datastore), with a share fitted to the validation texts."""

    def __init__(self, keys, tokens, share):
        self.keys, self.tokens, self.share = keys, tokens, share

    @classmethod
    @torch.no_grad()
    def of(cls, model, samples, validation):
        keys = torch.cat([cls.unit(states(model, s["with"], s["response"])) for s in samples])
        self = cls(keys, torch.cat([s["y"] for s in samples]), 0)
        p, r = [], []
        for s, predicted in zip(validation, predictions(model, validation, "with")):
            h, z = predicted["with"]
            p.append(ref.probability(z, s["y"]).double())
            r.append(self.probability(h, s["y"]).double())
        self.share = self.fit(torch.cat(p), torch.cat(r))
        return self

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


def split(base, items, tok, a, select=rank.latest):
    """The samples of a writer's newest texts: for training, validation and testing."""
    items = items[-(a.train + a.validation + a.test) :]
    first_test = len(items) - a.test
    positions = base.config.max_position_embeddings
    longest = positions - positions // 4  # of core/dataset/dataset.go
    samples = [sample(tok, items, i, longest, select) for i in range(len(items))]
    learnt = samples[: first_test - a.validation]
    return learnt, samples[len(learnt) : first_test], samples[first_test:]


def steered(model, validation, test):
    """Returns the test predictions with context steering, at the strength with the lowest validation loss."""

    def mixed(predicted, s):
        (h, z), (_, without) = predicted["with"], predicted["without"]
        return {**predicted, "with": (h, without + s * (z - without))}

    held = list(predictions(model, validation, "with", "without"))
    loss = lambda s: sum(ref.cross_entropy(mixed(p, s)["with"][1], v["y"]).sum() for p, v in zip(held, validation))
    strength = min(STEERING, key=loss)
    print(f"steering {strength}")
    return [mixed(p, strength) for p in predictions(model, test, "with", "without")]


class Run:
    """The methods on one writer. Each function yields (method, scores of the test texts, seconds of training)."""

    def __init__(self, base, tok, user, items, a):
        self.base, self.tok, self.user, self.items, self.a = base, tok, user, items, a
        self.learnt, self.validation, self.test = split(base, items, tok, a)
        self.predicted = self.predict(base)
        self.preferred = [effect(p, s["y"]) > DELTA for p, s in zip(self.predicted, self.test)]

    def predict(self, model):
        return list(predictions(model, self.test, "with", "without"))

    def score(self, predicted, side="with", datastore=None):
        return score(predicted, self.test, side, self.preferred, datastore)

    def fit(self, preset, base=None, **more):
        """The trained model and the seconds of the training."""
        began = time.process_time()
        model = train(base or self.base, self.learnt, PRESETS[preset], self.a, **more)
        return model, time.process_time() - began

    def untrained(self):
        yield "base", self.score(self.predicted, "without"), 0
        yield "latestk", self.score(self.predicted), 0
        for method, select in ("retrieval", rank.bm25), ("retrieval-dense", rank.Dense(self.base, self.tok)):
            if method in self.a.methods:
                test = split(self.base, self.items, self.tok, self.a, select)[2]
                predicted = predictions(self.base, test, "with", "without")
                yield method, score(list(predicted), test, "with", self.preferred), 0
        if "cos" in self.a.methods:
            yield "cos", self.score(steered(self.base, self.validation, self.test)), 0

    def with_datastore(self, model, datastore, seconds, regime=""):
        """ContextSFT and Quill, which adds a datastore to the same model."""
        predicted = self.predict(model)
        yield "contextsft" + regime, self.score(predicted), seconds
        print(f"share {datastore.share:.4f}")
        yield "quill" + regime, self.score(predicted, datastore=datastore), seconds

    def remember(self, model):
        return Datastore.of(model, self.learnt, self.validation)

    def context(self):
        """The model of ContextSFT, its datastore, and the seconds of the training. A kept adapter is not trained again."""
        path = os.path.join(self.a.keep or "", self.user + ".pt")
        if self.a.keep and os.path.exists(path):
            kept = torch.load(path, weights_only=True)
            model = adapter(self.base, self.a.rank, self.a.seed)
            set_peft_model_state_dict(model, kept["adapter"])
            return model, Datastore(**kept["datastore"]), kept["seconds"]
        model, seconds = self.fit("contextsft")
        datastore = self.remember(model)
        if self.a.keep:
            kept = {"adapter": get_peft_model_state_dict(model), "datastore": vars(datastore), "seconds": seconds}
            torch.save(kept, path)
        return model, datastore, seconds

    def trained(self):
        model, datastore, seconds = self.context()
        yield from self.with_datastore(model, datastore, seconds)
        expert = [effect(p, s["y"]) for p, s in zip(predictions(model, self.learnt, "with", "without"), self.learnt)]
        model.unload()
        for method in self.a.methods:
            if method in PRESETS:
                model, more = self.fit(method, expert=expert)
                side = PRESETS[method].side
                yield method, self.score(self.predict(model), side), more + (seconds if PRESETS[method].expert else 0)
                model.unload()

    def pooled(self, adapters, task):
        """The regimes pooled and pooled-personal, and OPPU. task is a model with the merged adapter of other writers."""
        for method, start in adapters.items():
            model = adapter(self.base, self.a.rank, self.a.seed)
            set_peft_model_state_dict(model, start)
            if method == "contextsft":
                yield from self.with_datastore(model, self.remember(model), 0, " (pooled)")
                model.unload()
                model, seconds = self.fit(method, start=start)
                yield from self.with_datastore(model, self.remember(model), seconds, " (pooled, then personal)")
            else:
                yield method + " (pooled)", self.score(self.predict(model), PRESETS[method].side), 0
            model.unload()
        if task:
            model, seconds = self.fit("contextsft", base=task)
            yield "oppu", self.score(self.predict(model)), seconds
            model.unload()


def shared(base, tok, writers, a):
    """Adapters that are trained on all writers, by method, and a model with the merged adapter of other writers."""
    learnt = lambda writers: [s for _, items in writers for s in split(base, items, tok, a)[0]]
    adapters, expert, task = {}, None, None
    for method in a.pooled:
        model = train(base, learnt(writers), PRESETS[method], a, expert)
        adapters[method] = {name: value.clone() for name, value in get_peft_model_state_dict(model).items()}
        if method == "contextsft":
            everyone = learnt(writers)
            expert = [effect(p, s["y"]) for p, s in zip(predictions(model, everyone, "with", "without"), everyone)]
        model.unload()
        print(f"{method} is trained on all writers", flush=True)
    if a.others:
        copied = copy.deepcopy(base)
        model = train(copied, learnt(read_writers(a.others, a.fields)), PRESETS["contextsft"], a)
        task = model.merge_and_unload().requires_grad_(False)
        print("OPPU's task adapter is trained", flush=True)
    return adapters, task


def parser(description):
    """Returns the argument parser that the programs personal*.py share."""
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("writers")
    p.add_argument("out")
    p.add_argument("--keep", help="existing folder for the adapters and datastores")
    p.add_argument("--fields", type=lambda s: s.split(","), default=[])
    names = lambda s: [name for name in s.split(",") if name]
    p.add_argument("--methods", type=names, default=["sft", "nextquill"], help="beside the others: " + ", ".join(METHODS))
    p.add_argument("--pooled", type=names, default=[], help="presets to train on all writers, contextsft first")
    p.add_argument("--others", help="file like WRITERS with other writers, for the task adapter of OPPU")
    texts = {"users": 0, "train": 160, "validation": 10, "test": 20}
    training = {"epochs": 3, "batch-size": 0, "rank": 8, "seed": 1}
    for name, value in {**texts, **training}.items():
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--lr", type=float, default=1e-3)
    return p


def load(a):
    """The model, its tokenizer and the writers."""
    logging.disable_progress_bar()
    base = ref.load_base(a.model, torch.float32).requires_grad_(False)
    folder, gguf = os.path.split(a.model) if a.model.endswith(".gguf") else (a.model, None)
    tok = AutoTokenizer.from_pretrained(folder, gguf_file=gguf)
    return base, tok, list(read_writers(a.writers, a.fields))[: a.users or None]


def main():
    a = parser(__doc__).parse_args()
    base, tok, writers = load(a)
    done = set()
    if os.path.exists(a.out):
        with open(a.out) as f:
            done = {json.loads(line)["user"] for line in f}
    adapters, task = shared(base, tok, writers, a)
    for user, items in writers:
        if user in done:
            continue
        rows = []
        run = Run(base, tok, user, items, a)
        for method, texts, seconds in itertools.chain(run.untrained(), run.trained(), run.pooled(adapters, task)):
            rows.append({"user": user, "method": method, "texts": texts, "train_seconds": round(seconds, 1)})
            tokens = sum(t["tokens"] for t in texts)
            loss = sum(t["loss"] for t in texts) / tokens
            print(f"{user}: {method} {loss:.4f}, {tokens} tokens, {seconds:.0f} s of training", flush=True)
        with open(a.out, "a") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)


if __name__ == "__main__":
    sys.exit(main())
