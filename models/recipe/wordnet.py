"""Reads WordNet 3.0 database files (wndb(5WN), wninput(5WN)) as installed by Debian's wordnet-base."""
import os
import re
from dataclasses import dataclass

DIR = "/usr/share/wordnet"
PARTS = {"noun": "noun", "verb": "verb", "adjective": "adj", "adverb": "adv"}

# Regular endings, in the order morphy(7WN) tries them.
ENDINGS = {
    "noun": [("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y")],
    "verb": [("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
    "adjective": [("er", ""), ("est", ""), ("er", "e"), ("est", "e")],
    "adverb": [],
}


@dataclass
class Synset:
    id: str
    part: str
    words: list
    gloss: str
    examples: list
    file: int  # lexicographer file, lexnames(5WN): 5 animals, 20 plants …
    instance: bool  # a named person, place or event


def split_gloss(text):
    """Splits a gloss, which is definitions and then examples in double quotes, into (definition,
    [examples])."""
    head, *rest = re.split(r';?\s*(?=")', text.strip(), maxsplit=1)
    examples = re.findall(r'"([^"]+)"', rest[0]) if rest else []
    return clean(head), [clean(e) for e in examples]


def clean(text):
    text = text.replace("`", "'").replace("''", "'")
    return re.sub(r"\s+", " ", text).strip(" ;:,")


class WordNet:
    def __init__(self, root=DIR):
        self.synsets = {}  # (part, offset) -> Synset
        self.index = {}  # (part, lemma) -> offsets, most frequent sense first
        for part, suffix in PARTS.items():
            for line in self._lines(root, "data." + suffix):
                s = parse_synset(part, line)
                self.synsets[part, s.id] = s
            for line in self._lines(root, "index." + suffix):
                f = line.split()
                count = int(f[2])
                self.index[part, f[0].replace("_", " ")] = f[-count:]

    @staticmethod
    def _lines(root, name):
        with open(os.path.join(root, name), encoding="utf-8", errors="strict") as f:
            return [line for line in f if not line.startswith("  ")]  # the licence is indented

    def first(self, word, part):
        """Returns the most frequent sense of word as that part of speech, or None."""
        word = word.lower()
        forms = [word] + [word[: -len(a)] + b for a, b in ENDINGS[part] if word.endswith(a)]
        for form in forms:
            if (part, form) in self.index:
                return self.synsets[part, self.index[part, form][0]]
        return None


def parse_synset(part, line):
    body, gloss = line.rstrip("\n").split(" | ", 1)
    f = body.split(" ")
    n = int(f[3], 16)
    words = [re.sub(r"\((a|p|ip)\)$", "", f[4 + 2 * i]).replace("_", " ") for i in range(n)]
    at = 4 + 2 * n
    pointers = [f[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(f[at]))]
    definition, examples = split_gloss(gloss)
    instance = any(p[0] == "@i" for p in pointers)
    return Synset(f[0], part, words, definition, examples, int(f[1]), instance)
