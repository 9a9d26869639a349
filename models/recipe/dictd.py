"""Reads dictionaries in dictd format: name.index (headword, offset and length in base 64) and
name.dict.dz (gzip)."""
import gzip
import string

DIR = "/usr/share/dictd"
DIGITS = {c: i for i, c in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")}


def number(text):
    n = 0
    for c in text:
        n = n * 64 + DIGITS[c]
    return n


def entries(name, root=DIR):
    """Returns all (headword, body) pairs in file order, each span of the file once, without the
    database's own notes."""
    with gzip.open(f"{root}/{name}.dict.dz") as f:
        data = f.read()
    spans = {}
    with open(f"{root}/{name}.index", encoding="utf-8") as f:
        for line in f:
            word, offset, length = line.rstrip("\n").split("\t")[:3]
            if not word.startswith("00database") and not word.startswith("00-database"):
                spans.setdefault((number(offset), number(length)), word)
    return [(w, data[o : o + n].decode("utf-8", "replace")) for (o, n), w in sorted(spans.items())]
