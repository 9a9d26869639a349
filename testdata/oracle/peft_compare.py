"""Loads adapters that another program trained, with the real PEFT: python peft_compare.py DIR

DIR/<name>/adapter holds PEFT's two files, DIR/<name>/computed.json {"model": folder, "ids": [...], "logits": {"7": [...]},
"greedy": [{"prompt": [...], "tokens": [...]}]}. A key of "logits" is a number of ids; its value is the
logits after them. "greedy" lists prompts and the most likely tokens that follow. Fails if a logit differs by
more than 1e-3, or if another token is the most likely. `go test -tags peft ./core/train` writes such a
folder.
"""

import os
import sys
import warnings

import torch
from peft import PeftModel
from transformers.utils import logging

import reference as ref
from jsonfiles import read_json


def main(root):
    warnings.filterwarnings("ignore")
    logging.disable_progress_bar()
    good = True
    for name in sorted(os.listdir(root)):
        got = read_json(os.path.join(root, name, "computed.json"))
        model = PeftModel.from_pretrained(ref.load_base(got["model"], torch.float32), os.path.join(root, name, "adapter")).eval()
        ids = torch.tensor([got["ids"]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0]
            with model.disable_adapter():
                moved = (model(input_ids=ids).logits[0] - logits).abs().max().item()
            worst = max((logits[int(n) - 1] - torch.tensor(z)).abs().max().item() for n, z in got["logits"].items())
            tokens, same = 0, 0
            for row in got["greedy"]:
                full = row["prompt"] + row["tokens"]
                best = model(input_ids=torch.tensor([full])).logits[0].argmax(-1)[len(row["prompt"]) - 1 : -1]
                tokens += len(row["tokens"])
                same += sum(a == b for a, b in zip(best.tolist(), row["tokens"]))
        print(f"{name:10} largest logit difference {worst:.1e} (the adapter changes them by {moved:.1f}), {same} of {tokens} greedy tokens equal")
        good = good and worst <= 1e-3 and same == tokens and moved > 0.1
    return 0 if good else "PEFT gives a different result"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
