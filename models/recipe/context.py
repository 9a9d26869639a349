"""Builds the training rows whose history matters: context.npy, [rows, 2, 320] of token ids and of
whether each token is predicted.

    python context.py --corpus build/corpus.jsonl --tokenizer ../default/tokenizer.json --rows 12000 --out build

Each row is one prompt in the product's format and starts at position 0, as in the product:

    writers    the texts of a synthetic writer with habits (habits.py)
    passages   consecutive passages of one speech or chapter
    repeats    texts made of phrases that occurred before: words, names and random tokens
    erased     short prompts without history, packed

Predicted are the texts that have an earlier item, and the responses of the erased prompts.
"""
import argparse
import os
import random

import numpy as np
from tokenizers import Tokenizer

import format as fmt
import habits
import sources

ROW = 320
LONGEST = 110  # tokens of a text
PLAIN = 0.5  # share of a writer's other tokens that are predicted, so that habits count more
KINDS = {"writers": 40, "passages": 20, "repeats": 35, "erased": 5}


class Rows:
    def __init__(self, tok, rng, forms, prose):
        self.tok, self.rng, self.prose = tok, rng, [w for s in prose for w in prose[s]]
        self.by_source = {s: habits.sentences_of(d) for s, d in forms.items()}
        self.world = habits.World([i["text"] for s in self.by_source.values() for i in s], habits.nouns())
        # Definitions and prose equally; WordNet's are most of the corpus.
        self.weights = {s: 3 if s == "wordnet" else 2 if s == "jargon" else 1 for s in self.by_source}
        self.used = self.tok.get_vocab_size()

    def ids(self, text):
        return self.tok.encode(text, add_special_tokens=False).ids

    def document(self, items):
        """Returns (ids, predicted) of as many items as fit; the last one is the request. items yields
        (context, text ids, which of them to predict)."""
        ids, on = [fmt.BOS_ID] + self.ids(fmt.PREFIX), []
        on, last, earlier = [0] * len(ids), None, 0
        # The history is one segment. In it two line ends are two tokens, except at its end.
        inner, final = 2 * self.ids("\n"), self.ids("\n\n")
        for context, text, predict in items:
            request = self.ids(fmt.suffix(context))
            if len(ids) + len(request) + len(text) + 1 > ROW:
                break
            if earlier:
                cut = len(ids) - len(inner)
                prompt, skipped = ids[:cut] + final + request, on[: cut + len(final)] + [0] * len(request)
                last = prompt + text + [fmt.EOS_ID], skipped + predict + [1]
            label = self.ids(fmt.fields(context) + "text:")
            # Nothing in the prompt helps with the first text. In the others, the end is predicted, too.
            predict = predict + [1, 0] if earlier else [0] * len(text + inner)
            ids, on, earlier = ids + label + text + inner, on + [0] * len(label) + predict, earlier + 1
        return last

    def shown(self):
        """Returns a choice of fields. Most prompts show all of them."""
        n = self.rng.choices([3, 2, 1, 0], [70, 15, 10, 5])[0]
        keep = ["word", "part", "meaning"][:n]
        return lambda c: {k: v for k, v in c.items() if k in keep}

    def writer(self):
        source = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
        w, show = habits.Writer(self.world, self.rng, "train"), self.shown()
        for item in self.rng.sample(self.by_source[source], 14):
            m = w.write(item["text"])
            e = self.tok.encode(fmt.response(m.text), add_special_tokens=False)
            owned = [None] + m.owner
            predict = [int(any(owned[a:b]) or self.rng.random() < PLAIN) for a, b in e.offsets]
            if len(e.ids) <= LONGEST:
                yield show(item["context"]), e.ids, predict

    def passage(self):
        """Neighbouring passages of one to three sentences. Some also have a word of the passage as context."""
        said = sources.sentences(self.rng.choice(self.prose).replace("\n\n", " "))
        size, named = self.rng.choice([1, 1, 2, 3]), self.rng.random() < 0.6
        for i in range(0, len(said), size):
            text = " ".join(said[i : i + size])
            rare = [w for w in habits.words_of(text) if w in self.world.nouns and len(w) > 3]
            ids = self.ids(fmt.response(text))
            if len(ids) <= LONGEST:
                yield {"word": self.rng.choice(rare).lower()} if named and rare else {}, ids, [1] * len(ids)

    def repeat(self):
        """Phrases of names, rare words, corpus text or random tokens, in a random order with random text
        between them. Only what a phrase that occurred before determines is predicted."""
        make = [
            lambda: self.ids(" " + " ".join(self.world.name(self.rng) for _ in range(self.rng.randint(1, 3)))),
            lambda: self.ids(" " + " ".join(self.rng.choices(self.world.rare, k=self.rng.randint(2, 6)))),
            lambda: [self.rng.randrange(3, self.used) for _ in range(self.rng.randint(3, 12))],
            lambda: self.ids(" " + self.rng.choice(self.by_source[self.rng.choice(list(self.by_source))])["text"]),
        ]
        phrases = [self.rng.choice(make)()[:24] for _ in range(self.rng.randint(1, 4))]
        alone, seen = self.rng.random() < 0.5, set()
        for _ in range(12):
            text, predict = [], []
            for _ in range(self.rng.randint(1, 4)):
                n = self.rng.randrange(len(phrases))
                known = int(n in seen)
                seen.add(n)
                predict += [int(known and alone and len(phrases) == 1)] + [known] * (len(phrases[n]) - 1)
                text += phrases[n]
                if not alone:
                    filler = self.rng.choice(make)()[: self.rng.randint(0, 6)]
                    text, predict = text + filler, predict + [0] * len(filler)
            yield {"word": self.rng.choice(self.world.rare)} if alone else {}, text, predict

    def erased(self):
        """Prompts without history in one row, half of them of writers with habits."""
        ids, on = [], []
        while True:
            make = self.writer() if self.rng.random() < 0.5 else self.passage()
            context, text, _ = next(make, ({}, [0] * ROW, None))
            prompt = [fmt.BOS_ID] + self.ids(fmt.PREFIX) + self.ids(fmt.EMPTY) + self.ids(fmt.suffix(context))
            if len(text) > LONGEST:
                continue
            if len(ids) + len(prompt) + len(text) + 1 > ROW:
                return ids, on
            ids, on = ids + prompt + text + [fmt.EOS_ID], on + [0] * len(prompt) + [1] * (len(text) + 1)

    def draw(self):
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "erased":
            return kind, self.erased()
        return kind, self.document({"writers": self.writer, "passages": self.passage, "repeats": self.repeat}[kind]())


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--corpus", required=True)
    a.add_argument("--tokenizer", required=True)
    a.add_argument("--rows", type=int, required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--seed", type=int, default=1891)
    a = a.parse_args()
    forms, prose = habits.pools(a.corpus, "train")
    rows = Rows(Tokenizer.from_file(a.tokenizer), random.Random(a.seed), forms, prose)
    out, count, n = np.zeros((a.rows, 2, ROW), dtype=np.uint16), {}, 0
    out[:, 0] = fmt.PAD_ID
    while n < a.rows:
        kind, made = rows.draw()
        if not made or not sum(made[1]):
            continue
        ids, on = made
        assert len(ids) == len(on) <= ROW
        out[n, 0, : len(ids)], out[n, 1, : len(on)] = ids, on
        c = count.setdefault(kind, [0, 0, 0])
        n, c[0], c[1], c[2] = n + 1, c[0] + 1, c[1] + len(ids), c[2] + sum(on)
    np.save(os.path.join(a.out, "context.npy"), out)
    for kind, (number, tokens, predicted) in count.items():
        print(f"{kind:10} {number:6} rows {tokens:8} tokens, {predicted} predicted")


if __name__ == "__main__":
    main()
