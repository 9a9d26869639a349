"""Formats conversations with transformers' apply_chat_template and stores text and ids.

    python golden.py        # from this folder; needs transformers and tokenizers
"""
import datetime
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils as ctu

here = pathlib.Path(__file__).parent
pieces = here / "../../tokenizer/testdata"
sys.path.append(str(pieces))
from texts import CORPUS  # noqa: E402

COMPACT = {"ensure_ascii": False, "separators": (",", ":")}
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<s>", "</s>", "[INST]", "[/INST]"]
PLAIN = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

tok = Tokenizer(models.BPE())
tok.normalizer = normalizers.NFC()
tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
tok.decoder = decoders.ByteLevel()
tok.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in CONTROL])
tok.add_tokens([AddedToken(t, special=False, normalized=False) for t in PLAIN])
(here / "bytes").mkdir(exist_ok=True)
(here / "bytes/tokenizer.json").write_text(json.dumps(json.loads(tok.to_str()), **COMPACT))

BYTES, PIECES = here / "bytes/tokenizer.json", pieces / "llama2/tokenizer.json"
FAMILIES = {
    "smollm2": (BYTES, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}),
    "qwen2.5": (BYTES, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "qwen3": (BYTES, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "macros": (BYTES, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "mistral-nemo": (BYTES, {"bos_token": "<s>", "eos_token": "</s>"}),
    "llama3": (BYTES, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "llama3.2": (BYTES, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
    "mistral": (PIECES, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    "zephyr": (PIECES, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    "llama2": (PIECES, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
}
TURNS = [
    [("user", "Hi!")],
    [("system", "You are brief."), ("user", "Who are you?")],
    [("user", "One"), ("assistant", "Two"), ("user", "Three")],
    [("system", "  Rules.\n"), ("user", "\n One "), ("assistant", " Two\n\n"), ("user", "Three\n")],
    [("user", "Tell me."), ("assistant", "I will.")],
    [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
    [("user", "")], [("system", ""), ("user", "")], [("user", "x"), ("assistant", "")],
    [("user", "Grüße, 世界! مرحبا 🎉👩‍👩‍👧 e\u0301 1234\u00a0%")],
    [("user", "{{ bos_token }} {% if x %} 'quoted' \"double\" \\n \\ <b>&amp;</b>")],
    [("user", "q"), ("assistant", "<think>\nhm\n</think>\n\nan answer"), ("user", "more")],
    [("user", "q"), ("assistant", "<think>\nhm\n</think>\n\nan answer")],
    [("user", "a"), ("user", "b")], [("assistant", "I begin."), ("user", "b")], [("user", "a"), ("assistant", "b"), ("assistant", "c")],
    [("user", "a"), ("system", "late"), ("user", "b")], [("system", "alone")],
    [("user", "def f(x):\n\treturn x\r\n" * 3), ("assistant", "ok\n" * 3), ("user", "   ")],
    [("user", "<tool_response>x</tool_response>"), ("assistant", "a"), ("user", "b")],
]


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2024, 7, 6, 5, 4, 3)


ctu.datetime = Clock

for name, (file, special) in FAMILIES.items():
    source = (here / name / "chat_template.jinja").read_text()
    t = PreTrainedTokenizerFast(tokenizer_file=str(file), chat_template=source, **special)
    assert len(t) == Tokenizer.from_file(str(file)).get_vocab_size(), name
    cases = []
    for turns in TURNS:
        messages = [{"role": r, "content": c} for r, c in turns]
        for options in [{"add_generation_prompt": True}, {"add_generation_prompt": False}] + ([{"add_generation_prompt": True, "enable_thinking": False}] if name in ("qwen3", "macros") else []):
            case = {"turns": turns, "prompt": options["add_generation_prompt"], "no_thinking": "enable_thinking" in options}
            try:
                case["text"] = t.apply_chat_template(messages, tokenize=False, **options)
                case["ids"] = t.apply_chat_template(messages, tokenize=True, return_dict=False, **options)
            except Exception:
                case["fails"] = True
            cases.append(case)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    if name in ("llama2", "qwen3"):  # a token may also be an object
        config["eos_token"] = {"__type": "AddedToken", "content": special["eos_token"], "lstrip": False}
    (here / name / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    (here / name / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c, **COMPACT) for c in cases) + "\n]\n")
    print(name, len(cases), "cases,", sum("fails" in c for c in cases), "refused")
