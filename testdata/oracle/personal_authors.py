"""Author identification in PyTorch: python personal_authors.py MODEL WRITERS.jsonl OUT.jsonl --keep FOLDER

FOLDER has what `personal.py … --keep FOLDER` kept, and the other flags are those of that run. Each test text is scored
with the adapters of the writers of its group, in prompts with its own writer's history, as `nextquill eval` does. The
text is identified if its own writer's adapter gives it the lowest loss. OUT.jsonl gets one line for each test text:
{"user", "text", "methods": {method: losses by candidate in nats}, "own": index of the writer}.
"""

import json
import os
import sys

import numpy as np
import torch
from peft import set_peft_model_state_dict

import personal
import reference as ref
from personal_table import units

METHODS = ["contextsft", "quill"]


@torch.no_grad()
def losses(model, datastore, tests):
    """[method][text] in nats."""
    out = [[], []]
    for s, predicted in zip(tests, personal.predictions(model, tests, "with")):
        h, z = predicted["with"]
        p = ref.probability(z, s["y"])
        mixed = (1 - datastore.share) * p + datastore.share * datastore.probability(h, s["y"])
        for row, probability in zip(out, (p, mixed)):
            row.append(-probability.log().sum().item())
    return out


def identify(model, group, tests, keep):
    """Yields (user, number of the text, losses [method][candidate], index of the user)."""
    table = []
    for user, _ in group:
        kept = torch.load(os.path.join(keep, user + ".pt"), weights_only=True)
        set_peft_model_state_dict(model, kept["adapter"])
        table.append(losses(model, personal.Datastore(**kept["datastore"]), [s for own in tests for s in own]))
        print(f"{user}: done", flush=True)
    at = 0
    for own, ((user, _), texts) in enumerate(zip(group, tests)):
        for i in range(len(texts)):
            yield user, i, [[row[m][at] for row in table] for m in range(len(METHODS))], own
            at += 1


def interval(values):
    """The mean of [writer][text], with a 95 % bootstrap interval: over the writers from ten on, else over the texts."""
    means = np.array([np.mean(unit) for unit in units(values)])
    drawn = means[np.random.default_rng(0).integers(len(means), size=(10000, len(means)))].mean(1)
    return "%+.3f (%+.3f to %+.3f)" % (means.mean(), *np.percentile(drawn, [2.5, 97.5]))


def main():
    p = personal.parser(__doc__)
    p.add_argument("--group", type=int, default=20, help="candidates; writers who do not fill a group are left out")
    a = p.parse_args()
    base, tok, writers = personal.load(a)
    model = personal.adapter(base, a.rank, a.seed)
    found = {method: {} for method in METHODS}
    with open(a.out, "w") as f:
        for first in range(0, len(writers) - a.group + 1, a.group):
            group = writers[first : first + a.group]
            tests = [personal.split(base, items, tok, a)[2] for _, items in group]
            for user, i, rows, own in identify(model, group, tests, a.keep):
                f.write(json.dumps({"user": user, "text": i, "methods": dict(zip(METHODS, rows)), "own": own}) + "\n")
                for method, row in zip(METHODS, rows):
                    found[method].setdefault(user, []).append(row[own] == min(row))
    for method in METHODS:
        print(f"{method}: found {interval(list(found[method].values()))} of {a.group}")
    pairs = zip(found["quill"].values(), found["contextsft"].values())
    print("difference:", interval([np.subtract(q, c, dtype=float) for q, c in pairs]))


if __name__ == "__main__":
    sys.exit(main())
