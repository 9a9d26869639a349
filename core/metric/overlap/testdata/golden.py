"""Writes golden.json: text pairs and their scores by rouge-score, sacrebleu and nltk.

    pip install rouge-score==0.1.2 sacrebleu==2.6.0 nltk==3.10.4
    python golden.py
"""

import json
import pathlib
import random

from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

HERE = pathlib.Path(__file__).parent
SAMPLE = HERE / "../../../../samples/bierce/heldout.jsonl"

FIXED = [
    ("", ""), ("", "a"), ("a", ""), ("a", "a"), ("A", "a"), (" ", "\t\n"), ("word", "another"),
    ("the cat sat", "the cat sat"), ("the the the the", "the cat"), (".", ".."), ("1,000.5 -3", "1,000.5 - 3"),
    ("3-4 a-b 5- x", "3 - 4 a-b"), ("a&amp;lt;b &quot;x&quot;", 'a<b "x"'), ("<skipped>x-\ny", "xy"),
    ("İstanbul KELVIN \u212a ΣΑΣ", "i̇stanbul kelvin k σας"), ("naïve café", "naive cafe"), ("日本語 テスト", "日本語 テスト"),
    ("a\u00a0b\u2003c\x1cd", "a b c d"), ("don't won't", "do n't won't"), ("e.g., this", "e.g. , this"),
    ("running runs ran", "run running runner"), ("emoji 😀 here", "emoji 😀 there"), ("trailing   ", "trailing"),
]


def edited(rng, words, vocabulary):
    """Deletes, replaces, swaps and repeats words."""
    out = list(words)
    for _ in range(rng.randrange(1, 3 + len(out) // 2)):
        i = rng.randrange(len(out)) if out else 0
        edit = rng.choice(["delete", "replace", "swap", "repeat", "insert"])
        if edit == "delete" and len(out) > 1:
            del out[i]
        elif edit == "replace" and out:
            out[i] = rng.choice(vocabulary)
        elif edit == "swap" and i + 1 < len(out):
            out[i], out[i + 1] = out[i + 1], out[i]
        elif edit == "repeat" and out:
            out.insert(i, out[i])
        else:
            out.insert(i, rng.choice(vocabulary))
    return out


class NoSynonyms:
    """Stands for WordNet, so that METEOR matches words and stems only."""

    def synsets(self, word):
        return []


def main():
    rng = random.Random(7)
    texts = [json.loads(line)["text"] for line in open(SAMPLE, encoding="utf-8")]
    texts = [t[:240] for t in texts]
    vocabulary = sorted({w for t in texts for w in t.split()})
    pairs = list(FIXED)
    for n in range(220):
        reference = rng.choice(texts).split()[: rng.randrange(1, 40)]
        hypothesis = edited(rng, reference, vocabulary) if n % 4 else rng.choice(texts).split()[: rng.randrange(1, 40)]
        pairs.append((" ".join(hypothesis), " ".join(reference)))

    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"])
    sentence, corpus, tokenize = BLEU(effective_order=True), BLEU(), Tokenizer13a()
    cases = []
    for hypothesis, reference in pairs:
        scores = rouge.score(reference, hypothesis)
        words = tokenize(hypothesis).split(), tokenize(reference).split()
        cases.append({
            "hypothesis": hypothesis,
            "reference": reference,
            "rouge": [[scores[k].precision, scores[k].recall, scores[k].fmeasure] for k in ["rouge1", "rouge2", "rougeL"]],
            "bleu": sentence.sentence_score(hypothesis, [reference]).score,
            "meteor": single_meteor_score(words[1], words[0], wordnet=NoSynonyms()),
        })
    words = sorted({w.lower() for t in texts for w in t.split()} | set(
        "caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping tanned "
        "falling hissing fizzed failing filing happy sky enjoy relational conditional rational valency hesitancy digitizer "
        "conformably radically differently vilely analogously vietnamization predication operator feudalism decisiveness "
        "hopefulness callousness formality sensitivity sensibility triplicate formative formalize electricity electrical "
        "hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement "
        "adjustment dependent adoption homologou communism activate angularity homologous effective bowdlerize probate rate "
        "cease controlling roll dying lying innings news proceed spied died geology fully carefully yyyy y by".split()))
    stem = PorterStemmer()
    data = {
        "corpus_bleu": corpus.corpus_score([h for h, _ in pairs], [[r for _, r in pairs]]).score,
        "stems": {w: stem.stem(w, to_lowercase=False) for w in words},
        "cases": cases,
    }
    (HERE / "golden.json").write_text(json.dumps(data, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


main()
