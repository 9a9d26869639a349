"""Prepares the sample writer, Ambrose Bierce's The Devil's Dictionary, as history.jsonl and
heldout.jsonl.

Reads Debian's dict-devil and wordnet-base. Uses only the standard library:

    python3 samples/recipe/bierce.py samples/bierce
"""
import datetime
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "recipe"))
import dictd  # noqa: E402
import wordnet  # noqa: E402

SEED = 1881
HISTORY, HELDOUT = 160, 60
WORDS = range(8, 71)  # words in a definition
MEANING_WORDS = 32
FIRST, EVERY = datetime.date(1881, 3, 5), datetime.timedelta(days=42)

PARTS = {
    "n.": "noun", "n.pl.": "noun", "v.": "verb", "v.t.": "verb", "v.i.": "verb", "x.": "verb",
    "adj.": "adjective", "pp.": "adjective", "p.p.": "adjective", "adv.": "adverb",
}
HEADING = re.compile(r"([A-Z][A-Z' -]+?), *(%s) +" % "|".join(re.escape(p) for p in sorted(PARTS, key=len, reverse=True)))
# Entries that depend on a slur or mock an ethnic group are left out.
UNWELCOME = re.compile(r"slur|offensive|nigger|negro|pickaninn|savage|\bjew|hebrew|mohammedan|mussulman|chinam[ae]n|squaw|hind[ou]o", re.I)


def tidy(text):
    text = re.sub(r"\s+", " ", text.replace("_", "")).strip()
    text = text.replace(" [sic]", "")
    return text.replace("``", '"').replace("''", '"')


def parse(body):
    """Returns (word, part, text) of an entry, where text is the first paragraph; None if it has no
    heading."""
    paragraph = re.split(r"\n\s*\n", body.strip("\n"))[0]
    prose = []
    for line in paragraph.split("\n"):
        if line.startswith("    "):  # verse and attributions are indented
            break
        prose.append(line)
    text = "\n".join(prose)
    heading = HEADING.match(text)
    if not heading:
        return None
    return heading[1].lower(), PARTS[heading[2]], tidy(text[heading.end():])


def usable(text):
    whole = re.search(r"[.!?][\"')]*$", text)  # a colon or comma introduces verse
    return whole and len(text.split()) in WORDS and not re.search(r"^See |[\[{]", text)


def items(net):
    seen = set()
    for _, body in dictd.entries("devil"):
        entry = parse(body)
        if not entry or entry[0] in seen:
            continue
        word, part, text = entry
        sense = net.first(word, part)
        if not sense or len(sense.gloss.split()) > MEANING_WORDS or not usable(text):
            continue
        if any(UNWELCOME.search(s) for s in (word, sense.gloss, text)):
            continue
        seen.add(word)
        yield {"context": {"word": word, "part": part, "meaning": sense.gloss}, "text": text}


def main(out):
    found = list(items(wordnet.WordNet()))
    print(f"{len(found)} usable entries")
    # The book is alphabetical. Dates in that order would hold out the last letters of the alphabet.
    random.Random(SEED).shuffle(found)
    chosen = found[: HISTORY + HELDOUT]
    for i, item in enumerate(chosen):
        item["time"] = f"{FIRST + i * EVERY}T00:00:00Z"
    for name, part in ("history", chosen[:HISTORY]), ("heldout", chosen[HISTORY:]):
        lines = [json.dumps(item, ensure_ascii=False) for item in part]
        (out / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        words = [len(item["text"].split()) for item in part]
        print(f"{name}: {len(part)} items, {part[0]['time'][:10]} to {part[-1]['time'][:10]}, {sum(words) / len(words):.1f} words each")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
