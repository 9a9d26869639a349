"""Drafts in PyTorch: python personal_drafts.py MODEL WRITERS.jsonl OUT.jsonl --keep FOLDER

FOLDER has what `personal.py … --keep FOLDER` kept, and the other flags are those of that run. Drafts are written for
each test text by ContextSFT and Quill, with the sampling of `nextquill eval` but other random numbers, and
compared with the writer's own text by ROUGE-L (F1). OUT.jsonl gets one line for each test text.
"""

import json
import os
import sys

import numpy as np
import torch
from peft import set_peft_model_state_dict
from rouge_score.rouge_scorer import RougeScorer

import personal
from personal_authors import interval

TEMPERATURE, TOP_K, TOP_P, PENALTY, MAX_TOKENS = 0.7, 40, 0.95, 1.1, 64
METHODS = ["contextsft", "quill"]


def remembered(datastore, h, z):
    """The logits z [n, vocabulary] with the datastore mixed in (shaders/datastore_mix.wgsl)."""
    w = torch.exp(personal.SHARPNESS * (datastore.unit(h) @ datastore.keys.T - 1))
    r = torch.zeros_like(z).index_add(1, datastore.tokens, w) / w.sum(1, keepdim=True)
    mixed = (1 - datastore.share) * z.softmax(-1) + datastore.share * r
    return mixed.log() + z.logsumexp(-1, keepdim=True)


def draw(z, seen):
    """A token for each row of the logits z (shaders/sample.wgsl)."""
    z = torch.where(seen, torch.where(z > 0, z / PENALTY, z * PENALTY), z) / TEMPERATURE
    z = z.masked_fill(z < z.topk(TOP_K).values[:, -1:], -torch.inf)
    p, order = z.softmax(-1).sort(descending=True)
    p[p.cumsum(-1) - p >= TOP_P] = 0
    return order.gather(1, torch.multinomial(p, 1))


@torch.no_grad()
def write(model, prompt, end, datastore, n):
    """n texts as token ids."""
    ids = torch.tensor([prompt]).expand(n, -1)
    seen = torch.zeros(n, model.config.vocab_size, dtype=torch.bool).scatter(1, ids, True)
    cache, texts = None, [[] for _ in range(n)]
    open_texts = set(range(n))
    for step in range(MAX_TOKENS):
        out = model.get_base_model().model(input_ids=ids, past_key_values=cache, use_cache=True)
        h, cache = out.last_hidden_state[:, -1], out.past_key_values
        z = model.get_output_embeddings()(h)
        if datastore:
            z = remembered(datastore, h, z)
        if step == 0:
            z[:, end] = -torch.inf  # no text is empty
        ids = draw(z, seen)
        seen.scatter_(1, ids, True)
        for i in list(open_texts):
            open_texts.discard(i) if ids[i].item() == end else texts[i].append(ids[i].item())
        if not open_texts:
            break
    return texts


def main():
    p = personal.parser(__doc__)
    p.add_argument("--drafts", type=int, default=4, help="for each test text")
    a = p.parse_args()
    base, tok, writers = personal.load(a)
    model, scorer = personal.adapter(base, a.rank, a.seed), RougeScorer(["rougeL"])
    scores = {method: [] for method in METHODS}
    with open(a.out, "w") as f:
        for user, items in writers:
            kept = torch.load(os.path.join(a.keep, user + ".pt"), weights_only=True)
            set_peft_model_state_dict(model, kept["adapter"])
            datastore = personal.Datastore(**kept["datastore"])
            for method in METHODS:
                scores[method].append([])
            for i, s in enumerate(personal.split(base, items, tok, a)[2]):
                own = tok.decode(s["response"][:-1]).strip()
                line = {"user": user, "own": own}
                for method in METHODS:
                    torch.manual_seed(i)  # the same random numbers for all methods
                    with_datastore = datastore if method == "quill" else None
                    texts = write(model, s["with"], s["response"][-1], with_datastore, a.drafts)
                    line[method] = [tok.decode(t).strip() for t in texts]
                    rouge = [scorer.score(own, t)["rougeL"].fmeasure for t in line[method]]
                    scores[method][-1].append(np.mean(rouge))
                f.write(json.dumps(line) + "\n")
            print(user, *(f"{m} {np.mean(scores[m][-1]):.3f}" for m in METHODS), flush=True)
    baseline = scores["contextsft"]
    for method in METHODS:
        less = [np.subtract(a, b) for a, b in zip(scores[method], baseline)]
        print(f"{method}: ROUGE-L {interval(scores[method])}, difference to contextsft {interval(less)}")


if __name__ == "__main__":
    sys.exit(main())
