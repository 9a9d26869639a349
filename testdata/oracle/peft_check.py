"""Loads an adapter with the real PEFT: python peft_check.py MODEL ADAPTER_DIR (--ids 1,2,3 | --batch batch.json)

--ids    prints the logits after the last token and the mean negative log-likelihood of the sequence
--batch  prints the mean negative log-likelihood (nats per token) of the responses, with and without history
Both are printed for the base model and for the base model with the adapter. --logits FILE saves the adapted model's
logits of --ids, [tokens, vocabulary] F32, as the safetensors tensor "logits".
"""

import argparse
import sys
import warnings

import torch
from safetensors.torch import save_file
from transformers.utils import logging

import reference as ref
from jsonfiles import read_json


def main():
    warnings.filterwarnings("ignore")
    logging.disable_progress_bar()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("adapter")
    p.add_argument("--ids", type=lambda s: [int(x) for x in s.split(",")])
    p.add_argument("--batch", type=read_json)
    p.add_argument("--logits", metavar="FILE")
    a = p.parse_args()
    if not a.ids and not a.batch:
        p.error("give --ids or --batch")

    for name, adapter in (("base", None), ("adapted", a.adapter)):
        model = ref.load(a.model, adapter, dtype=torch.float32)
        with torch.no_grad():
            if a.ids:
                logits = model(input_ids=torch.tensor([a.ids])).logits[0]
                if adapter and a.logits:
                    save_file({"logits": logits.contiguous()}, a.logits)
                print(f"{name}: last logits " + " ".join(f"{x:.6f}" for x in logits[-1]))
                if len(a.ids) > 1:
                    print(f"{name}: nll {ref.cross_entropy(logits[:-1], torch.tensor(a.ids[1:])).mean():.6f} nats/token")
            if a.batch:
                for side in ("with", "without"):
                    ce = torch.cat([
                        ref.cross_entropy(ref.response_logits(model, s[side], s["response"]), torch.tensor(s["response"]))
                        for s in a.batch["samples"]
                    ])
                    print(f"{name}: {side:7} nll {ce.mean():.6f} nats/token over {len(ce)} tokens")


if __name__ == "__main__":
    sys.exit(main())
