"""Trains small byte-level BPE tokenizers of the common kinds, and writes them with the reference ids of
mixed text.

    python golden.py        # from this folder; needs tokenizers

`ids` are those of a copy without added tokens (Encode in Go). `with_added` are those of the complete file
(EncodeWithSpecials in Go).
"""
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from texts import CASES, CORPUS, noise

here = pathlib.Path(__file__).parent


def train(name, normalizer, pre, size, added, ignore_merges=False, string_merges=False, prefix=False):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tok.normalizer = normalizer
    tok.pre_tokenizer = pre
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, special_tokens=["<|endoftext|>"], show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_tokens([t for t in added if not t.special])
    tok.add_special_tokens([t for t in added if t.special])
    data = json.loads(tok.to_str())
    if string_merges:
        data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    whole = Tokenizer.from_str(json.dumps(data))
    plain = Tokenizer.from_str(json.dumps({**data, "added_tokens": []}))
    text = CASES + noise(40, name)
    cases = []
    for s in text:
        ids, with_added = plain.encode(s, add_special_tokens=False).ids, whole.encode(s, add_special_tokens=False).ids
        cases.append({"text": s, "ids": ids} | ({"with_added": with_added} if with_added != ids else {}))
    folder = here / name
    folder.mkdir(exist_ok=True)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    (folder / "tokenizer.json").write_text(json.dumps(data, **compact))
    (folder / "cases.json").write_text(json.dumps(cases, **compact).replace('},{"text"', '},\n{"text"'))


IM = [AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("<|im_end|>", special=True, normalized=False)]
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern) if pattern != " " else " ", behavior, invert)


bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

# As SmolLM2: single digits, then GPT-2's pattern; merges as strings, as in files before 2024.
train("gpt2", None, pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
      600, IM, string_merges=True)
# As Qwen, with added tokens of every kind.
train("qwen", normalizers.NFC(), pre_tokenizers.Sequence([split(QWEN), bytes_only]), 600, IM + [
    AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
    AddedToken("word", single_word=True, normalized=False), AddedToken("cafe\u0301", normalized=True)])
# As Llama 3: ignore_merges, groups of three digits.
train("llama3", None, pre_tokenizers.Sequence([split(QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")), bytes_only]), 400, IM, ignore_merges=True)
# A pattern without a hand-written scanner, and less common steps.
train("other", normalizers.Sequence([normalizers.NFKD(), normalizers.NFC()]), pre_tokenizers.Sequence([
    pre_tokenizers.Digits(individual_digits=False), split(O200K), split("[aeiou]", "merged_with_next"), split(" ", "merged_with_previous"),
    split(r"\d+", "contiguous", True), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]), 300, IM)
train("removed", None, pre_tokenizers.Sequence([split(r"\s+", "removed"), split("l*", "isolated"),
                                                pre_tokenizers.ByteLevel(add_prefix_space=True)]), 300, IM)
# As DeepSeek: several patterns in sequence. Then syntax that the others do not use: lines, possessive and
# lazy repetition, case.
train("chain", None, pre_tokenizers.Sequence([
    split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
    split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
    split(r"\s+$"), split(r"^\S"), split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+?(?=[a-f])|\p{Han}|\w{2}+\d??[^\s\p{L}\p{N}]++|(?i:ÉÀ|é\u0301)"),
    bytes_only]), 300, IM)
