"""Builds a corpus of mixed text and stores the ids of real tokenizers: see scripts/parity.

    python parity.py DIR GOROOT        # DIR holds a folder for each model; needs tokenizers, transformers and gguf

DIR/corpus.bin and DIR/NAME/ids.bin are lists of entries: a little-endian count, then the bytes or ids.
"""
import json
import pathlib
import random
import struct
import sys
import sysconfig

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import noise

here = pathlib.Path(__file__).parent
dir, goroot = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
rng = random.Random("parity")


def files(root, ending, limit):
    size, out = 0, []
    for path in sorted(root.rglob("*" + ending)):
        try:
            text = path.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        if size + len(text) > limit:
            break
        size += len(text)
        out.append(text)
    return out


def cut(text, n=6000):
    return [text[i:i + n] for i in range(0, len(text), n)]


SCRIPTS = [(0x41, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x620, 0x64A), (0x900, 0x97F), (0xE01, 0xE3A), (0x10A0, 0x10FF), (0x3041, 0x30FE), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
           (0x1F300, 0x1F64F), (0x20, 0x7E), (0x300, 0x36F), (0x2000, 0x2BFF)]


def words(n):
    out = []
    for _ in range(n):
        low, high = rng.choice(SCRIPTS)
        out.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 9))) + rng.choice([" ", " ", " ", "", "\n", ". ", ", "]))
    return "".join(out)


def runs():
    unit = rng.choice([" ", "\n", "\t", "\r\n", "0", "7", "=", "-", "a", "ab", "é", "漢", "😀", "\u0301", " \n", "\u00a0", "!", "'", "▁", "123 ", "<|im_start|>", "A"])
    return unit * rng.randint(2, 300)


docs = [d for text in files(goroot / "src", ".go", 1_500_000) for d in cut(text)]
docs += [d for text in files(pathlib.Path(sysconfig.get_paths()["stdlib"]), ".py", 1_000_000) for d in cut(text)]
docs += [d for ending in (".md", ".ts", ".jsonl", ".txt") for text in files(here.parents[2], ending, 400_000) for d in cut(text)]
docs += [words(400) for _ in range(600)]
docs += ["".join(noise.UNITS[rng.randrange(len(noise.UNITS))] for _ in range(800)) for _ in range(1000)]
docs += ["".join(runs() + rng.choice(["", "x", " the ", "\n"]) for _ in range(20)) for _ in range(200)]
docs += [d.replace("\n", "\r\n") for d in rng.sample(docs, 100)]
rng.shuffle(docs)


def write(path, rows):
    with open(path, "wb") as f:
        f.write(struct.pack("<I", len(rows)))
        for count, data in rows:
            f.write(struct.pack("<I", count) + data)


raw = [d.encode("utf-8") for d in docs]
write(dir / "corpus.bin", [(len(d), d) for d in raw])
print("corpus: %d documents, %.1f MB" % (len(raw), sum(map(len, raw)) / 1e6))


def smollm2(path):
    """Writes the tokenizer.json of SmolLM2 from the vocabulary in its GGUF file."""
    fields = GGUFReader(path).fields
    tokens, types = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tok = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3])
    template = fields["tokenizer.chat_template"].contents()
    return tok, template, {k + "_token": tokens[fields[f"tokenizer.ggml.{k}_token_id"].contents()] for k in ("bos", "eos")}


conversations = [json.loads(line.rstrip(",\n")) for line in open(here / "../../chat/testdata/llama3/cases.json") if line.startswith("{")]
conversations += [{"turns": [["system", d[:300]], ["user", d[300:900]], ["assistant", d[900:1500]], ["user", d[1500:2000]]], "prompt": True} for d in docs[:200]]

for folder in sorted(p for p in dir.iterdir() if p.is_dir()):
    ggufs = list(folder.glob("*.gguf"))
    if ggufs:
        tok, template, special = smollm2(ggufs[0])
    else:
        tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "tokenizer_config.json").read_text())
        template = config.get("chat_template")
        special = {k: config[k] for k in ("bos_token", "eos_token", "unk_token", "pad_token") if config.get(k)}
    ids = [e.ids for e in tok.encode_batch(docs, add_special_tokens=False)]
    write(folder / "ids.bin", [(len(i), struct.pack("<%dI" % len(i), *i)) for i in ids])
    chats = []
    if template:
        t = PreTrainedTokenizerFast(tokenizer_object=tok, chat_template=template, **special)
        for c in conversations:
            messages = [{"role": r, "content": text} for r, text in c["turns"]]
            try:
                chats.append({"turns": c["turns"], "prompt": c["prompt"], "ids": t.apply_chat_template(messages, tokenize=True, return_dict=False, add_generation_prompt=c["prompt"])})
            except Exception:
                pass
    (folder / "chats.json").write_text(json.dumps(chats))
    print(folder.name, sum(map(len, ids)), "tokens,", len(chats), "conversations", flush=True)
