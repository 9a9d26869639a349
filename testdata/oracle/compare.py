"""Compares one step with a golden case: python compare.py OUT_DIR CASE_DIR

OUT_DIR holds result.json and grads.safetensors as `nextquill step --out` (or any other implementation) writes them.
Prints the largest absolute error of each field and the relative error of each gradient tensor. Exits
with 1 if one exceeds its limit. An implementation may omit the fields of a term that does not contribute
to the loss: align_loss and ce_mce if alpha is 0, and also logp_without, dce and omega if nothing is
weighted.
"""

import argparse
import math
import os
import sys

import numpy as np
from safetensors.numpy import load_file

from jsonfiles import read_json

TERMS = ("loss", "ntp_loss", "align_loss")
FIELDS = ("logp_with", "logp_without", "dce", "omega", "ce_mce")

# A tensor whose true gradient is (almost) zero has no useful relative error. Below this share of the norm
# of the complete gradient, the error is measured relative to the complete gradient.
NEGLIGIBLE = 1e-6


def optional(options):
    if options["alpha"] != 0:
        return set()
    if options["ntp_weighted"]:
        return {"align_loss", "ce_mce"}
    return {"align_loss", "ce_mce", "logp_without", "dce", "omega"}


def compare_result(got, want, may_lack):
    """Yields (name, largest absolute error). A missing or NaN value is an infinite error."""

    def error(a, b, key):
        if a.get(key) is None:
            return 0.0 if key in may_lack else math.inf
        e = abs(a[key] - b[key])
        return e if e == e else math.inf

    for key in TERMS:
        yield key, error(got, want, key)
    ours = {(t["sample"], t["t"]): t for t in got["tokens"]}
    if len(ours) != len(want["tokens"]) or any(
        ours.get((t["sample"], t["t"]), {}).get("id") != t["id"] for t in want["tokens"]
    ):
        yield "tokens (sample, t, id)", math.inf
        return
    for key in FIELDS:
        yield key, max(error(ours[t["sample"], t["t"]], t, key) for t in want["tokens"])


def compare_tensors(got, want):
    """Yields (name, error relative to the tensor's norm)."""
    norm = lambda x: float(np.linalg.norm(x.astype(np.float64)))
    total = math.sqrt(sum(norm(w) ** 2 for w in want.values()))
    for name in sorted(set(got) | set(want)):
        if name not in got or name not in want or got[name].shape != want[name].shape:
            yield name + (" (missing, unexpected or of another shape)"), math.inf
            continue
        w = norm(want[name])
        e = norm(got[name].astype(np.float64) - want[name])
        e = e / (w if w > NEGLIGIBLE * total else total)
        yield name, e if e == e else math.inf


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out_dir")
    p.add_argument("case_dir")
    p.add_argument("--abs", type=float, default=1e-4, help="limit of the loss terms and token fields")
    p.add_argument("--rel", type=float, default=1e-3, help="limit of a gradient tensor, relative to its norm")
    p.add_argument("-v", action="store_true", help="print every tensor, not just the worst")
    a = p.parse_args()

    case = lambda f: os.path.join(a.case_dir, f)
    rows = [
        (n, e, a.abs)
        for n, e in compare_result(
            read_json(os.path.join(a.out_dir, "result.json")), read_json(case("result.json")), optional(read_json(case("options.json")))
        )
    ]
    tensors = [
        (n, e, a.rel)
        for n, e in compare_tensors(
            load_file(os.path.join(a.out_dir, "grads.safetensors")), load_file(case("grads.safetensors"))
        )
    ]
    bad = [r for r in rows + tensors if r[1] > r[2]]
    shown = tensors if a.v else [t for t in tensors if t[1] > t[2]] or [max(tensors, key=lambda t: t[1])]
    for name, err, limit in rows + shown:
        print(f"{'FAIL' if err > limit else 'ok  '} {err:9.2e}  (limit {limit:.0e})  {name}")
    print(f"{len(tensors)} gradient tensors, {len(rows)} fields, {len(bad)} over the limit")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
