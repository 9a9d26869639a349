"""Writes bootstrap.json: intervals of scipy.stats.bootstrap for data of several users."""
import json

import numpy as np
from scipy import stats

RESAMPLES = 200_000


def per_token(sums, counts, axis=-1):
    return sums.sum(axis=axis) / counts.sum(axis=axis)


def interval(rng, *columns):
    r = stats.bootstrap(columns, per_token, n_resamples=RESAMPLES, paired=True, vectorized=True, method="percentile",
                        confidence_level=0.95, batch=10_000, random_state=rng)
    ci = r.confidence_interval
    return {"low": ci.low, "high": ci.high, "error": r.standard_error}


rng = np.random.default_rng(20261129)
cases = []
for users, texts in ((8, 1), (24, 5), (60, 12)):
    cluster, x, y, n = [], [], [], []
    for u in range(users):
        own = rng.normal(0, 0.3)
        for _ in range(texts):
            tokens = int(rng.integers(5, 60))
            base = 4 + own + rng.normal(0, 0.5)
            cluster.append(f"u{u}")
            n.append(tokens)
            y.append(round(tokens * base, 4))
            x.append(round(tokens * (base - 0.05 + rng.normal(0, 0.1) + own / 5), 4))
    names = sorted(set(cluster), key=cluster.index)
    at = [names.index(c) for c in cluster]
    total = lambda v: np.bincount(at, weights=v)
    cases.append({
        "cluster": cluster, "x": x, "y": y, "n": n,
        "mean": interval(rng, total(x), total(n)),
        "difference": interval(rng, total(np.subtract(x, y)), total(n)),
    })
with open("bootstrap.json", "w") as f:
    json.dump({"scipy": __import__("scipy").__version__, "resamples": RESAMPLES, "cases": cases}, f)
    f.write("\n")
