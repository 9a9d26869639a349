"""Makes a table of what personal.py wrote: python personal_table.py OUT.jsonl …

Losses are in nats per token. Differences are to ContextSFT on the same texts, with 95 % bootstrap intervals: over the
writers from ten on, else over the texts. "Same confidence" is the difference to ContextSFT at the temperature at which
it gives the tokens the same mean probability.
"""

import argparse
import json

import numpy as np

from personal import TEMPERATURES

BASELINE, ROUNDS = "contextsft", 10000
COLUMNS = ["method", "writers", "loss", "difference", "same confidence", "preference tokens", "difference", "gain from history"]


def read(paths):
    """{method: {writer: scores of its texts}}"""
    methods = {}
    for path in paths:
        with open(path) as f:
            for row in map(json.loads, f):
                methods.setdefault(row["method"], {})[row["user"]] = row["texts"]
    return methods


def units(writers):
    """What is resampled: lists of scores."""
    return writers if len(writers) >= 10 else [[text] for texts in writers for text in texts]


def total(texts, name):
    return sum(t[name] for t in texts)


def interval(values, tokens):
    """The ratio of the sums, with an interval."""
    values, tokens = np.array(values, float), np.array(tokens, float)
    drawn = np.random.default_rng(0).integers(len(values), size=(ROUNDS, len(values)))
    ratios = values[drawn].sum(1) / np.maximum(tokens[drawn].sum(1), 1)
    return "%+.3f (%+.3f to %+.3f)" % (values.sum() / tokens.sum(), *np.percentile(ratios, [2.5, 97.5]))


def warmed(texts, t):
    """The loss of texts at temperature t, between those of their curves."""
    return sum(np.interp(t, TEMPERATURES, [point[0] for point in text["curve"]]) for text in texts)


def same_confidence(texts, probability):
    """The temperature at which texts have this probability in total. It falls with the temperature."""
    have = [sum(text["curve"][k][2] for text in texts) for k in range(len(TEMPERATURES))]
    return np.interp(-probability, [-p for p in have], TEMPERATURES)


def row(method, writers, baseline):
    mine, theirs = units(list(writers.values())), units([baseline[name] for name in writers])
    tokens, marked = ([total(u, name) for u in mine] for name in ("tokens", "preference"))
    t = same_confidence(sum(theirs, []), sum(total(u, "probability") for u in mine))
    less = lambda name: [total(a, name) - total(b, name) for a, b in zip(mine, theirs)]
    cells = {name: "" for name in ("difference", "confident", "preferred")}
    if method != BASELINE:
        cells["difference"], cells["preferred"] = interval(less("loss"), tokens), interval(less("preferred"), marked)
        confident = interval([total(a, "loss") - warmed(b, t) for a, b in zip(mine, theirs)], tokens)
        cells["confident"] = f"{confident}, T = {t:.3f}"
    gain = "–"
    if "erased" in mine[0][0]:
        gain = interval([total(u, "erased") - total(u, "loss") for u in mine], tokens)
    loss, preferred = (sum(total(u, name) for u in mine) / sum(n) for name, n in (("loss", tokens), ("preferred", marked)))
    return [method, str(len(writers)), f"{loss:.3f}", cells["difference"], cells["confident"], f"{preferred:.3f}",
            cells["preferred"], gain]  # fmt: skip


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scores", nargs="+")
    methods = read(p.parse_args().scores)
    texts = sum(methods[BASELINE].values(), [])
    print(f"{len(texts)} texts, {total(texts, 'tokens')} tokens, {total(texts, 'preference')} of them preference tokens\n")
    lines = [COLUMNS, ["---"] * len(COLUMNS)] + [row(m, writers, methods[BASELINE]) for m, writers in methods.items()]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
