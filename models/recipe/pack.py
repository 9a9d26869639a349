"""Encodes the documents and packs them into rows of 512 tokens: train.npy and held.npy (uint16).
Prints a table of tokens by source.

    python pack.py --corpus build/corpus.jsonl --tokenizer ../default/tokenizer.json --out build
"""
import argparse
import bisect
import collections
import json
import os
import random

import numpy as np
from tokenizers import Tokenizer

import format as fmt

ROW = 512
SEED = 512
SLACK = 400  # rows kept open while packing


def documents(path, tokenizer):
    """Yields (split, source, ids, bytes). Segments are encoded separately, so no token spans two."""
    with open(path, encoding="utf-8") as f:
        while True:
            batch = [json.loads(line) for _, line in zip(range(8192), f)]
            if not batch:
                return
            flat = [s for doc in batch for s in doc["segments"]]
            encoded = iter(tokenizer.encode_batch_fast(flat, add_special_tokens=False))
            for doc in batch:
                ids = [fmt.BOS_ID]
                for _ in doc["segments"]:
                    ids += next(encoded).ids
                if len(ids) < ROW:
                    ids.append(fmt.EOS_ID)
                yield doc["split"], doc["source"], ids[:ROW], sum(len(s.encode()) for s in doc["segments"])


def pack(docs):
    """Packs by best fit into a window of open rows. The rest of a row is padding."""
    rows, open_rows = [], []  # open_rows: sorted (space left, index)
    for ids in docs:
        i = bisect.bisect_left(open_rows, (len(ids), -1))
        if i < len(open_rows):
            space, row = open_rows.pop(i)
        else:
            space, row = ROW, len(rows)
            rows.append([])
        rows[row] += ids
        if space - len(ids) > 8:
            bisect.insort(open_rows, (space - len(ids), row))
        if len(open_rows) > SLACK:
            open_rows.pop(0)  # the row with the least space
    out = np.full((len(rows), ROW), fmt.PAD_ID, dtype=np.uint16)
    for i, ids in enumerate(rows):
        out[i, : len(ids)] = ids
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--corpus", required=True)
    a.add_argument("--tokenizer", required=True)
    a.add_argument("--out", required=True)
    a = a.parse_args()
    tokenizer = Tokenizer.from_file(a.tokenizer)
    docs, tokens, size = {"train": [], "held": []}, collections.Counter(), collections.Counter()
    for split, source, ids, count in documents(a.corpus, tokenizer):
        docs[split].append(np.array(ids, dtype=np.uint16).tolist())
        tokens[split, source] += len(ids)
        size[split, source] += count
    for key in sorted(tokens):
        print(f"{key[0]:6} {key[1]:16} {tokens[key]:10} tokens {size[key] / tokens[key]:.2f} bytes each")
    for split, d in docs.items():
        random.Random(SEED).shuffle(d)
        rows = pack(d)
        np.save(os.path.join(a.out, split + ".npy"), rows)
        total = sum(n for k, n in tokens.items() if k[0] == split)
        bytes_each = sum(n for k, n in size.items() if k[0] == split) / total
        print(f"{split}: {total} tokens in {len(rows)} rows, {100 * total / rows.size:.1f} % full, {bytes_each:.4f} bytes a token")


if __name__ == "__main__":
    main()
