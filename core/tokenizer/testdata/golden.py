"""Trains small byte-level BPE tokenizers of the kinds in use and writes them with the reference's ids for mixed text.

    python golden.py        # from this folder; needs tokenizers

`ids` are those of a copy without added tokens (our Encode), `with_added` those of the whole file (our EncodeWithSpecials).
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

here = pathlib.Path(__file__).parent

CORPUS = [
    "Education, n. That which discloses to the wise and disguises from the foolish their lack of understanding.",
    "It's what we've said: they'll go, I'd stay, you're right, I'm not. IT'S WHAT WE'VE SAID, THEY'LL SEE.",
    "def f(x):\n    if x > 10:\n        return x * 2.5\n\treturn [i for i in range(100)]  # comment\n\n\n",
    "for (int i = 0; i < 1024; i++) {\n\t\tsum += a[i] * b[i];\r\n}\r\n",
    "Il était une fois à Noël; über Straßen, señor, naïve café. Привет, мир! Как дела? Γειά σου Κόσμε.",
    "我们在学习自然语言处理。東京は日本の首都です。안녕하세요 세계. مرحبا بالعالم، كيف حالك؟ שלום עולם नमस्ते दुनिया ๑๒๓ ไทย",
    "Emoji 😀😂🎉👩‍👩‍👧‍👦🇫🇷 ❤️ and symbols ™ © ½ ² Ⅷ ∑ → “quoted” ‘single’ — dash… $3.14 100% #tag @user http://a.b/c?d=e&f=g",
    "Numbers 1 22 333 4444 55555 666666 1,234,567.89 2024-05-17 12:34:56 0x1F 1e-5",
    "the of and to in that is was he for it with as his on be at by had not are but from or have an they which one you were " * 3,
]

CASES = CORPUS[1:8] + [
    "", " ", "  ", "\n", "\r\n", "\t", "a", " a", "  a", "a ", "a  ", "a\n\nb", "a \n b", " \n \n  x", "\n\n\n", "   \n", "x   \n\n   y  ",
    "'s 't 'S 'T 'Ll 're'VE 'M d'd 'x ''s '\u017f s'\u017f o'\u017fo", "don't DON'T they'Re 'lL l'", "a1b22c333d4444", "12345678901234567890", "3.14159,2.71828",
    "½²Ⅷ٣๓ 一二三 x²", "\u00a0nbsp\u00a0\u2003em\u3000ideo\u200bzero\u0085nel\u2028ls\ufeffbom\u180emvs\x1cfs\x1dgs", "\x00\x01\x7f\x80\xff\xad",
    "e\u0301 e\u0301\u0323 \u1e69 s\u0323\u0307 \uac00 \u1100\u1161\u11a8 \u212b \ufb01 \u2126 \u0344 \u0958 \u0915\u093c",
    "a" + "\u0301" * 40 + "b", "q" + "\u0323\u0307" * 25 + "\u0301",
    "  leading and trailing  ", "tab\tsep\t\tdouble", "semi;colon, (paren) [brack] {brace} <tag/> a.b.c ...!!!???", "_snake_case__ CamelCase kebab-case",
    "<|endoftext|>", "a<|endoftext|>b", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|", "<|endoftext|><|endoftext|>", "x  <left>  y", "x  <right>  y",
    "word wordy word. sword word", "caf\u00e9 cafe\u0301", "STRASSE stra\u00dfe", " <left> <left>  <right>  ", "<|im_start|>\u00a0<left>",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈", "한국어 텍스트", "汉字漢字かなカナ", "العربية نص", "हिन्दी", "Zażółć gęślą jaźń", "\U0001d518\U0001d52b\U0001d526", "\U000e0041\U0010ffff",
    "x" * 70, " " * 90 + "y", "\n" * 20 + " " * 20 + "\n" + " " * 9 + "z", "ab" * 50, "the" * 40, "!?" * 30, "\r\r\n\n\r \r\n ",
]


def noise(n, seed):
    """Random strings of characters that sit on the patterns' edges."""
    rng = random.Random(seed)
    alphabet = ["a", "B", "é", "漢", "1", "٣", " ", " ", "\n", "\r", "\t", "'", "s", "LL", "!", "-", "😀", "\u00a0", "\u0301", "\u017f", "\ufffd"]
    return ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 24))) for _ in range(n)]


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

# SmolLM2's kind: digits apart, then GPT-2's pattern; merges as strings, as files were before 2024.
train("gpt2", None, pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
      600, IM, string_merges=True)
# Qwen's kind, with added tokens of every sort.
train("qwen", normalizers.NFC(), pre_tokenizers.Sequence([split(QWEN), bytes_only]), 600, IM + [
    AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False),
    AddedToken("word", single_word=True, normalized=False), AddedToken("cafe\u0301", normalized=True)])
# Llama 3's kind: ignore_merges, three digits.
train("llama3", None, pre_tokenizers.Sequence([split(QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")), bytes_only]), 400, IM, ignore_merges=True)
# A pattern we have no scanner for, and the less usual steps.
train("other", normalizers.Sequence([normalizers.NFKD(), normalizers.NFC()]), pre_tokenizers.Sequence([
    pre_tokenizers.Digits(individual_digits=False), split(O200K), split("[aeiou]", "merged_with_next"), split(" ", "merged_with_previous"),
    split(r"\d+", "contiguous", True), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]), 300, IM)
train("removed", None, pre_tokenizers.Sequence([split(r"\s+", "removed"), split("l*", "isolated"),
                                                pre_tokenizers.ByteLevel(add_prefix_space=True)]), 300, IM)
# DeepSeek's kind: patterns one after another. Then what of the syntax the others do not use: lines, possessive and lazy repetition, case.
train("chain", None, pre_tokenizers.Sequence([
    split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
    split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
    split(r"\s+$"), split(r"^\S"), split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+?(?=[a-f])|\p{Han}|\w{2}+\d??[^\s\p{L}\p{N}]++|(?i:ÉÀ|é\u0301)"),
    bytes_only]), 300, IM)
