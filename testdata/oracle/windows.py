"""Writes windows/: texts that are longer than a model's context length, and what PyTorch computes for them in
windows. The layout of the windows is written here a second time, from the rule in docs/texts.md.

texts  1,570 tokens and fewer, with the log-probability of each text under the embedded model of
       ../../models/default: transformers in float32, one window at a time, on token ids of `tokenizers`. Each
       text has the latest three earlier texts in its prompt, or none.
step/  one forward and backward of the objective over two samples, the first in several windows, in float64.
"""

import bisect
import json
import os
import random

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import reference as ref
from jsonfiles import read_json, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "../../models/default")
LATEST = 3
# Words of each text, in order of time. The last TESTED are held out.
LENGTHS = [40, 60, 30, 250, 20, 50, 45, 90, 160, 35, 60, 25, 600, 30, 40, 55, 900, 1100]
TESTED = 11
WORDS = (
    "the a of and to in it was that her his with for on at by not but all one hill road river boat night morning "
    "stone window letter garden winter house light hand voice table summer door wind field bread lamp shore star "
    "came went saw said took found kept left heard turned stood fell rose began old young cold small dark quiet"
).split()


def text(rng, words):
    """Sentences of random words, in paragraphs."""
    out = []
    while words > 0:
        n = min(words, rng.randint(4, 14))
        out.append(" ".join(rng.choice(WORDS) for _ in range(n)).capitalize() + rng.choice([".", ".", "?", "!"]))
        words -= n
    return "".join(s + ("\n\n" if i % 6 == 5 else " ") for i, s in enumerate(out)).strip()


class Writer:
    def __init__(self, tok, config):
        self.encode = lambda s: tok.encode(s, add_special_tokens=False).ids
        self.window, self.bos, self.end = config["max_position_embeddings"], config["bos_token_id"], config["eos_token_id"]

    def block(self, item, body=None):
        return "".join(f"{k}: {v}\n" for k, v in item["context"].items()) + f"text: {item['text'] if body is None else body}\n\n"

    def prompts(self, earlier, item, limit):
        """The prompts with the latest of the earlier texts that fit, and with the history erased."""
        head = [self.bos] + self.encode("History:\n")
        tail = self.encode("Now:\n" + "".join(f"{k}: {v}\n" for k, v in item["context"].items()) + "text:")
        none, room = self.encode("None\n\n"), limit - len(head) - len(tail)
        assert len(none) <= room
        history = none
        for n in range(min(LATEST, len(earlier)), 0, -1):
            ids = self.encode("".join(self.block(e) for e in earlier[-n:]))
            if len(ids) <= room:
                history = ids
                break
        else:
            if earlier:  # not even the latest fits: the longest beginning of it that does
                last = earlier[-1]
                n = bisect.bisect_left(range(len(last["text"])), True, key=lambda n: len(self.encode(self.block(last, last["text"][: n + 1]))) > room)
                while n and len(self.encode(self.block(last, last["text"][:n]))) > room:
                    n -= 1
                history = self.encode(self.block(last, last["text"][:n])) if n else none
        return head + history + tail, head + none + tail

    def windows(self, earlier, item):
        """Pairs of prompts with the preceding part of the text, and the new tokens."""
        y = self.encode(" " + item["text"]) + [self.end]
        w = self.window
        with_, without = self.prompts(earlier, item, min(w - w // 4, max(w - len(y), w // 2)))
        room = w - max(len(with_), len(without))
        return [(with_ + before, without + before, new) for before, new in split(y, room)]


def split(y, room):
    """Pairs of preceding and new tokens. A window after the first has a quarter of its room for tokens that
    were predicted before; the last one fills its room with them."""
    out, done = [], 0
    while done < len(y):
        to = min(len(y), done + room - (room // 4 if done else 0))
        out.append((y[max(0, to - room) : done], y[done:to]))
        done = to
    return out


def log_probabilities(model, prompt, response):
    """Those of the response tokens."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1].double()
    return torch.log_softmax(logits, -1)[range(len(response)), response]


STEP_MODEL, STEP_ADAPTER = "models/odd", "cases/nextquill-code-lora/adapter"


def step():
    """Windows of one sample are samples of their own, with the numbers of the sample's tokens."""
    options = {**read_json(os.path.join(HERE, STEP_ADAPTER, "../options.json")), "align_weighted": True}
    options.update(normalize_ntp="samples", normalize_align="samples")
    with open(os.path.join(HERE, STEP_MODEL, "config.json")) as f:
        config = json.load(f)
    with ref.float64_models():
        model = ref.load(os.path.join(HERE, STEP_MODEL), os.path.join(HERE, STEP_ADAPTER), trainable=True)
        for seed in range(1000):
            rng = random.Random(f"step {seed}")
            some = lambda n: [rng.randrange(config["vocab_size"]) for _ in range(n)]
            head, tail = some(9), some(20)
            batch = {"samples": [
                {"with": head + some(40) + tail, "without": head + some(3) + tail, "response": some(460)},
                {"with": some(12), "without": some(5), "response": some(6)},
            ]}
            windows, places = [], []
            for i, s in enumerate(batch["samples"]):
                room = config["max_position_embeddings"] + 1 - max(len(s["with"]), len(s["without"]))
                for before, new in split(s["response"], room):
                    windows.append({"with": s["with"] + before, "without": s["without"] + before, "response": new})
                places += [(i, t) for t in range(len(s["response"]))]
            with torch.no_grad():
                result = ref.objective(model, None, {"samples": windows}, options)[1]
            if ref.dce_margin(result, options["delta"]) > ref.DCE_MARGIN:
                break
        else:
            raise RuntimeError("no batch found")
        loss, result = ref.objective(model, None, {"samples": windows}, options)
        loss.backward()
    for token, (sample, t) in zip(result["tokens"], places, strict=True):
        token.update(sample=sample, t=t)
    out = os.path.join(HERE, "windows/step")
    os.makedirs(out, exist_ok=True)
    write_json(os.path.join(out, "case.json"), {"model": f"../../{STEP_MODEL}", "adapter": f"../../{STEP_ADAPTER}", "windows": len(windows)})
    write_json(os.path.join(out, "batch.json"), batch)
    write_json(os.path.join(out, "options.json"), options)
    write_json(os.path.join(out, "result.json"), result)
    grads = {n: p.grad.to(torch.float32).contiguous() for n, p in ref.trainable(model).items()}
    save_file(grads, os.path.join(out, "grads.safetensors"))
    above = sum(t["dce"] > options["delta"] for t in result["tokens"])
    print(f"step: {len(windows)} windows, {above} of {len(places)} tokens above delta, loss {result['loss']:.4f}")


def texts():
    rng = random.Random("windows")
    items = [
        {"id": f"text {i}", "context": {"subject": rng.choice(WORDS)}, "text": text(rng, n), "time": f"2024-01-{i + 1:02}"}
        for i, n in enumerate(LENGTHS)
    ]
    first = len(items) - TESTED
    with open(os.path.join(MODEL, "config.json")) as f:
        writer = Writer(Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json")), json.load(f))
    model = ref.load_base(MODEL, torch.float32)
    results = []
    for i, item in enumerate(items[first:], first):
        windows = writer.windows(items[:i], item)
        results.append(
            {
                "tokens": sum(len(new) for *_, new in windows),
                "windows": [len(new) for *_, new in windows],
                "nats": round(-sum(log_probabilities(model, w, new).sum().item() for w, _, new in windows), 4),
                "nats_no_history": round(-sum(log_probabilities(model, w, new).sum().item() for _, w, new in windows), 4),
            }
        )
    folder = os.path.join(HERE, "windows")
    os.makedirs(folder, exist_ok=True)
    for name, part in (("history.jsonl", items[:first]), ("heldout.jsonl", items[first:])):
        with open(os.path.join(folder, name), "w") as f:
            f.writelines(json.dumps(item) + "\n" for item in part)
    write_json(os.path.join(folder, "expected.json"), {"texts": results})


if __name__ == "__main__":
    texts()
    step()
