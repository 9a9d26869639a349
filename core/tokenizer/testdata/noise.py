"""Encodes thousands of random texts with every tokenizer.json of this folder, and stores one hash per
hundred texts.

    python noise.py        # from this folder, after golden.py and golden_spm.py; needs tokenizers

The texts are not stored: the test generates them again from the units and the same generator.
"""
import json
import pathlib
import random
import struct
import unicodedata

from tokenizers import Tokenizer

here = pathlib.Path(__file__).parent
NAMES = ["gpt2", "qwen", "llama3", "other", "removed", "chain", "llama2", "metaspace", "metasplit"]
BATCHES, PER_BATCH = 30, 100

rng = random.Random("units")
# Characters of every kind. Combining marks are limited to old ones: `tokenizers` normalizes with tables of
# Unicode 13, which do not contain later marks.
assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")
            and (not unicodedata.combining(c) or unicodedata.ucd_3_2_0.combining(c))]
UNITS = ["a", "b", "the", " the", " of", "The", "STRASSE", "stra\u00dfe", "é", "e\u0301", "\u0301", "\u0323", "\u0301\u0323", "漢字", "かな", "カナ", "한국", "\u1112\u1161\u11ab", "مرحبا", "שלום", "हिन्दी", "ไทย", "Привет",
         "😀", "👩‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇫🇷", "❤️", "0", "7", "12", "345", "2024", "１２", "٣٤", "½", "Ⅷ", "x²", "3.14", "1e-5", "0x1F",
         " ", " ", " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2028", "\u0085", "\ufeff", "\x00", "\x1c", "\x7f",
         "'s", "'S", "'re", "'LL", "'ſ", "'", "''", "’s", ".", "...", "!?", ",", ";", ":", "-", "--", "_", "/", "\\", "(", ")", "[", "]", "{", "}", "<", ">", "|", "#", "@", "%", "$", "€", "&", "*", "+", "=", "~", "^", "`", "\"",
         "def f(x):", "return x\n", "i++;", "a.b.c()", "snake_case", "camelCase", "http://a.b/c?d=e", "▁", "▁the", "<0x0A>", "\ufffd",
         "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_", "<s>", "</s>", "<unk>", "<left>", "<right>", "word", "caf\u00e9", "cafe\u0301"] + rng.sample(assigned, 400)


def generator():
    state = 20240517

    def draw(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % n
    return draw


def texts():
    draw = generator()
    for _ in range(BATCHES):
        yield ["".join(UNITS[draw(len(UNITS))] for _ in range(1 + draw(60))) for _ in range(PER_BATCH)]


def fnv(batch):
    """Returns the 64-bit FNV-1a of the ids as little-endian words; -1 ends a text."""
    h = 0xcbf29ce484222325
    for ids in batch:
        for byte in struct.pack("<%di" % (len(ids) + 1), *ids, -1):
            h = (h ^ byte) * 0x100000001b3 % 2**64
    return "%016x" % h


def hashes(data):
    tok = Tokenizer.from_str(json.dumps(data))
    return [fnv([e.ids for e in tok.encode_batch(batch, add_special_tokens=False)]) for batch in texts()]


if __name__ == "__main__":
    out = {}
    for name in NAMES:
        data = json.loads((here / name / "tokenizer.json").read_text())
        out[name] = {"ids": hashes({**data, "added_tokens": []}), "with_added": hashes(data)}
    (here / "noise.json").write_text(json.dumps({"units": UNITS, "batches": BATCHES, "per_batch": PER_BATCH, "hashes": out}, ensure_ascii=False, indent=0) + "\n")
    print(sum(len(t) for b in texts() for t in b), "characters")
