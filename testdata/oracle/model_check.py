"""Compares a chat model in GGUF with transformers: python model_check.py MODEL.gguf NEXTQUILL [--base f32]

transformers unpacks the same file to float32 and computes on the CPU. NEXTQUILL is the built command, with
its guest in the same folder.
greedy             `write --temperature 0` answers ten messages with the chat template. The text of the
                   64 tokens must equal that of transformers.
log-probabilities  `step` computes those of these tokens, after the chat prompt and after the plain
                   message, and of random tokens, so that unlikely tokens are covered too. (No command
                   prints complete logits.)
Prints the results. Fails if a log-probability differs by more than 1e-3 or an answer differs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer
from transformers.utils import logging

import reference as ref
from jsonfiles import write_json

LIMIT, NEW, DRAWN = 1e-3, 64, 16
MESSAGES = [
    "Why is the sky blue?",
    "Tell me a story about a lighthouse keeper.",
    "How do bees make honey? Explain it step by step.",
    "Write a letter to an old friend whom you have not seen in years.",
    "What should I see in Lisbon?",
    "Explain recursion to a child.",
    "Describe a thunderstorm at sea in the manner of a ship's log.",
    "Write a Python function that reverses a linked list, and explain it.",
    "Compare the Roman Republic with the Roman Empire.",
    "Give me a recipe for lentil soup — quick, cheap & tasty!",
]


def main():
    warnings.filterwarnings("ignore")
    logging.disable_progress_bar()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=os.path.abspath)
    p.add_argument("nextquill", type=os.path.abspath)
    p.add_argument("--base", default="auto", choices=["auto", "f32"], help="both represent the weights of the file exactly")
    a = p.parse_args()

    def nextquill(command, *args):
        guest = os.path.join(os.path.dirname(a.nextquill), "nextquill.wasm")
        said = subprocess.run(
            [a.nextquill, command, "--model", a.model, "--base", a.base, "--wasm", guest, "--json", *args], check=True, stdout=subprocess.PIPE
        )
        return json.loads(said.stdout.splitlines()[-1])["result"]

    model = ref.load_base(a.model, torch.float32)
    tok = AutoTokenizer.from_pretrained(os.path.dirname(a.model), gguf_file=os.path.basename(a.model))
    samples, same = [], 0
    for message in MESSAGES:
        chat = tok.apply_chat_template([{"role": "user", "content": message}], add_generation_prompt=True, return_dict=False)
        tokens = model.generate(torch.tensor([chat]), do_sample=False, max_new_tokens=NEW)[0, len(chat) :].tolist()
        samples.append({"with": chat, "without": tok.encode(message), "response": tokens})
        greedy = ["--temperature=0", "--top-k=0", "--top-p=1", "--repetition-penalty=1", f"--max-tokens={NEW}"]
        ours = nextquill("write", "--chat", *greedy, message)["text"]
        if ours == tok.decode(tokens, skip_special_tokens=True).removeprefix(" "):
            same += 1
        else:
            show_difference(model, tok, chat, tokens, ours)
    print(f"greedy: {same} of {len(samples)} answers are equal, {sum(len(s['response']) for s in samples)} tokens")

    rng = random.Random("model_check")
    drawn = [{**s, "response": [rng.randrange(model.config.vocab_size) for _ in range(DRAWN)]} for s in samples]
    with tempfile.TemporaryDirectory() as temp:
        batch, options, adapter = (os.path.join(temp, name) for name in ("batch.json", "options.json", "adapter"))
        # A step needs something to train. With B = 0 the adapter changes nothing.
        get_peft_model(model, LoraConfig(r=1, target_modules=["q_proj"])).save_pretrained(adapter)
        write_json(batch, {"samples": samples + drawn})
        write_json(options, {})
        got = nextquill("step", "--batch", batch, "--options", options, "--adapter", adapter, "--out", temp, "--token-budget", "512")
    worst = 0
    for kind, first, batch in (("greedy", 0, samples), ("drawn", len(samples), drawn)):
        diff = [d for i, s in enumerate(batch) for d in differences(model, s, [t for t in got["tokens"] if t["sample"] == first + i])]
        worst = max(worst, *diff)
        print(f"log-probabilities of {kind} tokens: {len(diff)}, largest difference {max(diff):.1e}")
    return 0 if same == len(samples) and worst <= LIMIT else "transformers gives a different result"


def log_probabilities(model, prompt, response):
    with torch.no_grad():
        return -ref.cross_entropy(ref.response_logits(model, prompt, response), torch.tensor(response))


def differences(model, sample, got):
    """Yields the difference of each log-probability of a sample, in both branches, from transformers."""
    assert [t["id"] for t in got] == sample["response"]
    for side in ("with", "without"):
        want = log_probabilities(model, sample[side], sample["response"])
        yield from (want - torch.tensor([t["logp_" + side] for t in got])).abs().tolist()


def show_difference(model, tok, prompt, tokens, ours):
    """Prints the first token that is not in our text, with the two best logits of transformers."""
    n = next((n for n in range(1, len(tokens)) if not ours.startswith(tok.decode(tokens[:n]).removeprefix(" "))), len(tokens))
    with torch.no_grad():
        best = ref.response_logits(model, prompt, tokens)[n - 1].topk(2)
    rivals = "  ".join(f"{tok.decode([i])!r} {z:.5f}" for z, i in zip(best.values.tolist(), best.indices.tolist()))
    print(f"token {n}: transformers has {rivals}; our text: {ours!r}")


if __name__ == "__main__":
    sys.exit(main())
