"""Gives the sentences of the corpus to synthetic writers with known habits.

    python habits.py --corpus build/corpus.jsonl --out build/writers --writers 40 --items 24

Writes one NAME.jsonl per writer in the form that the product reads, writers.jsonl with each writer's
habits, and spans.jsonl, the ground truth: which characters of each text a habit changed. Each habit
has values for training and others for testing, and four kinds of habit are for testing only. Texts
come from one split of the corpus, so writers of the held-out split share neither texts nor habits
with the training documents (context.py).
"""
import argparse
import datetime
import json
import os
import random
import re

import format as fmt
from marked import Marked

SEED = 1842
TRAIN, TEST = "train", "test"

# British, American. Words for testing are every third.
SPELLING = """colour color|honour honor|favour favor|labour labor|neighbour neighbor|behaviour behavior|humour humor|
harbour harbor|vigour vigor|splendour splendor|rumour rumor|endeavour endeavor|centre center|theatre theater|
fibre fiber|metre meter|defence defense|offence offense|licence license|organise organize|recognise recognize|
realise realize|civilised civilized|organisation organization|civilisation civilization|authorise authorize|
grey gray|plough plow|programme program|travelling traveling|travelled traveled|jewellery jewelry|mould mold|
favourite favorite|honourable honorable|armour armor|flavour flavor|odour odor|parlour parlor|ardour ardor|
judgement judgment|enquiry inquiry|connexion connection|shew show|gaol jail|surprize surprise|chuse choose"""
PAIRS = [p.split() for p in SPELLING.replace("\n", "").split("|")]

# Each rule changes many words, so that a short history shows it.
MISSPELLINGS = {
    TRAIN: [(r"ing\b", "in'"), (r"\b([Tt])he\b", r"\1eh"), (r"ie", "ei"), (r"\b([Oo])f\b", r"\1v"), (r"tion", "shun"),
            (r"\b([Ww])h", r"\1"), (r"ll", "l"), (r"\b([Aa])nd\b", r"\1n"), (r"ght\b", "te"), (r"ck", "k"),
            (r"ea", "ee"), (r"ph", "f"), (r"\b([Ww])ith\b", r"\1iv"), (r"ess\b", "es")],
    TEST: [(r"ed\b", "'d"), (r"ou", "ow"), (r"\b([Tt])h(?=[aeiou])", r"\1'"), (r"ss", "s"),
           (r"\b([Ff])or\b", r"\1er"), (r"er\b", "ah"), (r"ly\b", "lie"), (r"oo", "u")],
}
DASHES = {
    TRAIN: [(r", ", " -- "), (r", ", "... "), (r"; ", " -- "), (r", ", " - "), (r"[;:] ", ", "), (r", ", "; ")],
    TEST: [(r", ", " / "), (r", ", " ~ "), (r"[,;] ", ": ")],
}
ENDINGS = {TRAIN: ["", "!!", "...", "!", " ...", "!!!", ";"], TEST: ["?!", " --", ".).", "!?!"]}
# Templates of a phrase. $a to $d become random words, and $N a random name.
OPENINGS = {
    TRAIN: ["Well, ", "Honestly, ", "Look: ", "Dear $N, ", "So, ", "$A $b, ", "To be $a, ", "$A: ", "My $a $b -- ",
            "In $a, ", "$N! ", "I say, ", "Of $a $b $c: ", "Mind, $N, ", "* "],
    TEST: ["Friends, ", "By $N, ", "Note well: ", "$A and $b; ", "The $a of $N: ", "Alas, ", "> ", "Upon my $a, "],
}
SIGN_OFFS = {
    TRAIN: [" -- $N", " Yours, $N", " $A $b.", " So says $N.", " ($N)", " With $a, $N", " And that is $a.", " $N $N",
            " The $a is $b, $N.", " Farewell!"],
    TEST: [" Your $a servant, $N.", " [$N]", " Thus $N of $N.", " Mark my $a.", " Signed: $N", " Amen to $a!"],
}
TICS = {TEST: ["you know", "forsooth", "so to speak", "$a", "my dear $N", "as $N says"]}
EMPHASIS = {TEST: ["*%s*", "_%s_", '"%s"']}
SHORT = {TEST: [{"and": "&", "with": "w/"}, {"to": "2", "for": "4"}, {"the": "y^e", "that": "y^t"}, {"or": "|", "of": "o'"}]}
SHOUT = {TEST: ["first word", "last word", "long words"]}
CASES = {TRAIN: ["lower", "nouns", "upper"], TEST: ["title", "lower start"]}
FREQUENT = """small large great good made make used having used people person part time place state men man thing things
country house day work water long high first new old many much very little certain public power without between
something someone body group form given given where which their being upon should would could because often always never
never more most other only such same form act word money law nation war peace land people years being before after under
again against people known called""".split()

ONSETS = "b br c d dr f g gr h j k l m n p qu r s st t tr v w z".split()
VOWELS = "a e i o u ai ea oo".split()


def words_of(text):
    return re.findall(r"[A-Za-z]+", text)


class World:
    """What habits draw from: words of the corpus, and which of them are nouns."""

    def __init__(self, texts, nouns):
        count = {}
        for t in texts:
            for w in set(words_of(t)):
                if w.islower() and 4 <= len(w) <= 9:
                    count[w] = count.get(w, 0) + 1
        self.rare = sorted(w for w, n in count.items() if 3 <= n <= 400)
        self.nouns = nouns

    def name(self, rng):
        """A name that no corpus has, of two or three syllables."""
        def syllable():
            return rng.choice(ONSETS) + rng.choice(VOWELS)

        middle = "".join(syllable() for _ in range(rng.choice([1, 2, 2])))
        return (middle + rng.choice(["n", "r", "s", "ld", "x", "th", "m", ""])).capitalize()

    def phrase(self, template, rng):
        out = re.sub(r"\$N", lambda m: self.name(rng), template)
        out = re.sub(r"\$[abcd]", lambda m: rng.choice(self.rare), out)
        return re.sub(r"\$A", lambda m: rng.choice(self.rare).capitalize(), out)


# A kind takes (world, rng, set) and returns (value to record, function that changes a Marked).

def spelling(world, rng, part):
    british = rng.random() < 0.5
    pairs = [p for i, p in enumerate(PAIRS) if (i % 3 == 0) == (part == TEST)]
    table = {p[1]: p[0] for p in pairs} if british else {p[0]: p[1] for p in pairs}

    def change(m):
        m.sub(r"[A-Za-z]+", lambda w: table.get(w[0], w[0]), "spelling")
    return "British" if british else "American", change


def misspelling(world, rng, part):
    rules = rng.sample(MISSPELLINGS[part], 2)

    def change(m):
        for pattern, new in rules:
            m.sub(pattern, lambda w: w.expand(new), "misspelling")
    return [r[0] + " > " + r[1] for r in rules], change


def dashes(world, rng, part):
    pattern, new = rng.choice(DASHES[part])
    return pattern + "> " + new, lambda m: m.sub(pattern, lambda w: new, "dashes")


def ending(world, rng, part):
    new = rng.choice(ENDINGS[part])
    return new, lambda m: m.sub(r"(?<=\w)[.!?]?$", lambda w: new, "ending")


def opening(world, rng, part):
    phrase = world.phrase(rng.choice(OPENINGS[part]), rng)

    def change(m):
        if phrase[-2:-1] in (",", "-") and m.text[:2].istitle() and m.text[1:2].islower():
            m.replace(0, 1, m.text[0].lower(), "opening")
        m.replace(0, 0, phrase, "opening")
    return phrase, change


def sign_off(world, rng, part):
    phrase = world.phrase(rng.choice(SIGN_OFFS[part]), rng)
    return phrase, lambda m: m.replace(len(m.text), len(m.text), phrase, "sign-off")


def favourite(world, rng, part):
    half = [w for i, w in enumerate(dict.fromkeys(FREQUENT)) if (i % 3 == 0) == (part == TEST)]
    table = {w: rng.choice(world.rare) for w in rng.sample(half, 10)}
    return table, lambda m: m.sub(r"\b[a-z]+\b", lambda w: table.get(w[0], w[0]), "favourite")


def tic(world, rng, part):
    phrase = world.phrase(rng.choice(TICS[part]), rng)
    places = r"(?<=\w), |(?<=\w) (?=of |to |and |or |that )"
    return phrase, lambda m: m.sub(places, lambda w: f", {phrase}, " if rng.random() < 0.4 else w[0], "tic")


def emphasis(world, rng, part):
    mark = rng.choice(EMPHASIS[part])

    def change(m):
        m.sub(r"\b[a-z]{5,}\b", lambda w: mark % w[0] if w[0] in world.nouns else w[0], "emphasis")
    return mark, change


def short(world, rng, part):
    table = rng.choice(SHORT[part])
    return table, lambda m: m.sub(r"\b[a-z]+\b", lambda w: table.get(w[0], w[0]), "short")


def shout(world, rng, part):
    which = rng.choice(SHOUT[part])
    pattern = {"first word": r"^\w+", "last word": r"\w+(?=\W*$)", "long words": r"\b\w{8,}\b"}[which]
    return which, lambda m: m.sub(pattern, lambda w: w[0].upper(), "shout")


def casing(world, rng, part):
    which = rng.choice(CASES[part])

    def change(m):
        if which in ("lower", "upper"):
            m.sub(r"[A-Za-z]+", lambda w: getattr(w[0], which)(), "casing")
        elif which == "lower start":
            m.sub(r"^[A-Z]|(?<=[.!?] )[A-Z]", lambda w: w[0].lower(), "casing")
        else:
            every = which == "title"
            m.sub(r"\b[a-z]{4,}\b", lambda w: w[0].capitalize() if every or w[0] in world.nouns else w[0], "casing")
    return which, change


# In the order in which they change a text. TEST_ONLY kinds are never in a training document.
KINDS = {"spelling": spelling, "favourite": favourite, "tic": tic, "dashes": dashes, "ending": ending,
         "opening": opening, "sign-off": sign_off, "misspelling": misspelling, "emphasis": emphasis, "short": short,
         "shout": shout, "casing": casing}
TEST_ONLY = {"tic", "emphasis", "short", "shout"}
SEEN = [k for k in KINDS if k not in TEST_ONLY]


class Writer:
    """group: "train", "values" (known kinds, values for testing) or "kinds" (kinds for testing)."""

    def __init__(self, world, rng, group):
        self.world, self.rng, self.group = world, rng, group
        part = TRAIN if group == "train" else TEST
        pool = sorted(TEST_ONLY) if group == "kinds" else SEEN
        chosen = set(rng.sample(pool, rng.choice([1, 2, 2, 3])))
        self.habits = [(k, *KINDS[k](world, rng, part)) for k in KINDS if k in chosen]

    def write(self, text):
        m = Marked(text)
        for _, _, change in self.habits:
            change(m)
        return m


def items(segments):
    """Returns the items of a form document; corpus.py rendered them with format.py."""
    blocks = segments[1].split("\n\n")[:-1] if segments[1] != fmt.EMPTY else []
    out = []
    for block in blocks + [segments[2].removeprefix("Now:\n") + segments[3]]:
        *fields, text = block.split("\n")
        out.append({"context": dict(f.split(": ", 1) for f in fields), "text": text.removeprefix("text: ")})
    return out


def pools(path, split):
    """Returns {source: [items of one document, …]} and {source: [prose window, …]} of a split."""
    forms, prose = {}, {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            doc = json.loads(line)
            if doc["split"] != split or not "".join(doc["segments"]).isascii():
                continue
            if len(doc["segments"]) == 4:
                forms.setdefault(doc["source"], []).append(items(doc["segments"]))
            else:
                prose.setdefault(doc["source"].removesuffix(" prose"), []).append(doc["segments"][0])
    return forms, prose


def sentences_of(forms):
    """Whole sentences of a source, each text once: what a writer can be given."""
    seen, out = set(), []
    for doc in forms:
        for item in doc:
            t = item["text"]
            if t not in seen and 6 <= len(t.split()) <= 45 and t[0].isupper() and t[-1] in ".!?":
                seen.add(t)
                out.append(item)
    return out


def nouns():
    from wordnet import WordNet

    net = WordNet()
    parts = {p: {w for q, w in net.index if q == p} for p in ("noun", "verb", "adjective", "adverb")}
    return {w for w in parts["noun"] if w.isalpha() and w not in parts["adjective"] | parts["adverb"]}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--corpus", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--writers", type=int, default=40, help="writers of each of the two groups")
    a.add_argument("--items", type=int, default=24)
    a.add_argument("--split", choices=["train", "held"], default="held")
    a.add_argument("--seed", type=int, default=SEED)
    a = a.parse_args()
    forms, _ = pools(a.corpus, a.split)
    sources = {s: sentences_of(docs) for s, docs in forms.items()}
    world = World([i["text"] for s in sources.values() for i in s], nouns())
    os.makedirs(a.out, exist_ok=True)
    names, truth = (open(os.path.join(a.out, n + ".jsonl"), "w") for n in ("writers", "spans"))
    for group in ("values", "kinds") if a.split == "held" else ("train",):
        for n in range(a.writers):
            rng = random.Random(f"{a.seed} {group} {n}")
            source = sorted(sources)[n % len(sources)]
            writer, name, day = Writer(world, rng, group), f"{group}-{n:03}", datetime.date(1900, 1, 1)
            about = {"writer": name, "group": group, "source": source, "habits": {k: v for k, v, _ in writer.habits}}
            names.write(json.dumps(about) + "\n")
            with open(os.path.join(a.out, name + ".jsonl"), "w") as f:
                for i, item in enumerate(rng.sample(sources[source], a.items)):
                    day += datetime.timedelta(days=rng.randrange(1, 20))
                    m, id = writer.write(item["text"]), f"{name}-{i:03}"
                    assert m.faithful(item["text"]), (item, m.text)
                    line = {"id": id, "context": item["context"], "text": m.text, "time": f"{day}T00:00:00Z"}
                    f.write(json.dumps(line) + "\n")
                    truth.write(json.dumps({"id": id, "spans": m.spans(), "end": m.end}) + "\n")
    names.close(), truth.close()


if __name__ == "__main__":
    main()
