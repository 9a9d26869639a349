"""Writes hidden.json: random token vectors of pairs of texts, and BERTScore's greedy matching of them by the
function of the package itself, without idf weights.

    pip install bert-score==0.3.13
    python golden_hidden.py
"""

import json
import pathlib
import random

import torch
from bert_score.utils import greedy_cos_idf

WIDTH = 3


def vectors(rng, count):
    return [[round(rng.gauss(0, 1), 3) for _ in range(WIDTH)] for _ in range(count)]


def match(candidate, reference):
    tensor = lambda v: torch.tensor([v], dtype=torch.float64)
    ones = lambda v: torch.ones(1, len(v), dtype=torch.float64)
    p, r, f = greedy_cos_idf(tensor(reference), ones(reference), ones(reference), tensor(candidate), ones(candidate),
                             ones(candidate))
    return {"precision": p.item(), "recall": r.item(), "f1": f.item()}


def main():
    rng = random.Random(1)
    rows = []
    # The package sets the scores of texts with two tokens to 0: it takes them for the special tokens of BERT.
    for n, m in [(1, 1), (1, 7), (7, 1), (3, 3), (5, 11), (20, 4), (40, 37)]:
        candidate, reference = vectors(rng, n), vectors(rng, m)
        rows.append({"candidate": candidate, "reference": reference, "want": match(candidate, reference)})
    same = vectors(rng, 6)
    rows.append({"candidate": same, "reference": same[::-1], "want": match(same, same[::-1])})
    file = pathlib.Path(__file__).parent / "hidden.json"
    file.write_text(json.dumps({"width": WIDTH, "rows": rows}) + "\n")


main()
