"""Trains the byte-level BPE tokenizer on the training documents and writes tokenizer.json.

    python tokenizer.py --corpus build/corpus.jsonl --out ../default
"""
import argparse
import json
import os

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import format as fmt

VOCAB = 4096


def training_text(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            doc = json.loads(line)
            if doc["split"] == "train":
                yield from doc["segments"]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--corpus", required=True)
    a.add_argument("--out", required=True)
    a = a.parse_args()
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=[fmt.BOS, fmt.EOS, fmt.PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    t.train_from_iterator(training_text(a.corpus), trainer)
    assert [t.token_to_id(s) for s in (fmt.BOS, fmt.EOS, fmt.PAD)] == [fmt.BOS_ID, fmt.EOS_ID, fmt.PAD_ID]
    assert t.get_vocab_size() == VOCAB
    t.save(os.path.join(a.out, "tokenizer.json"))
    for text in (fmt.PREFIX, fmt.EMPTY, fmt.suffix({"word": "whale", "part": "noun", "meaning": "a very large sea mammal"})):
        print(t.encode(text).tokens)


if __name__ == "__main__":
    main()
