"""Interpolates between two sets of weights, with one share for the attention and one for the rest.

    python blend.py --base ../default --tuned build/checkpoint.pt --attention 1 --rest 0.3 --out build/blend.pt

After training on rows with history, the attention carries most of what history is worth, and the other
weights most of what plain text lost.
"""
import argparse

from train import ATTENTION, initial, torch


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--base", required=True, help="checkpoint or model folder")
    a.add_argument("--tuned", required=True)
    a.add_argument("--attention", type=float, required=True, help="share of the tuned attention and its norms")
    a.add_argument("--rest", type=float, required=True, help="share of the other tuned weights")
    a.add_argument("--out", required=True)
    a = a.parse_args()
    base, tuned = initial(a.base), initial(a.tuned)
    share = {k: a.attention if any(part in k for part in ATTENTION) else a.rest for k in base}
    mixed = {k: base[k] + share[k] * (tuned[k] - base[k]) for k in base}
    note = f"{a.attention:g} of the attention and {a.rest:g} of the rest of {a.tuned}"
    torch.save({"model": mixed, "note": note}, a.out)


if __name__ == "__main__":
    main()
