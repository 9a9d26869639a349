"""Trains a small SentencePiece vocabulary with byte fallback, and stores it in the three forms in use, each
with the ids of its reference.

    python golden_spm.py        # from this folder; needs sentencepiece, tokenizers and transformers

spm/            pieces, scores and types as in the metadata of a GGUF file; ids by sentencepiece
llama2/         tokenizer.json as in Llama 2 and TinyLlama: normalizers Prepend and Replace; ids by tokenizers
metaspace/      as in later conversions: pre-tokenizer Metaspace, only the first part gets a prefix
metasplit/      Metaspace before every part, which splits at spaces
"""
import io
import json
import pathlib

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers.convert_slow_tokenizer import generate_merges

from texts import CASES, CORPUS, noise

here = pathlib.Path(__file__).parent
TEXTS = CASES + noise(60, "spm") + ["▁", "a▁b", "▁ ▁", "<s>", "a</s>b", "</s>  x", " </s> </s>", "<0x41>", "x<unk>y", "𝔘𝔫 ½ 안녕", "   a   b   ", "the  the the   the"]
COMPACT = {"ensure_ascii": False, "separators": (",", ":")}

buffer = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(line for text in CORPUS * 4 for line in text.split("\n")), model_writer=buffer, model_type="bpe", vocab_size=620, byte_fallback=True,
    split_digits=True, allow_whitespace_only_pieces=True, normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.99,
    num_threads=1, hard_vocab_limit=False, minloglevel=2)
sp = sentencepiece.SentencePieceProcessor(model_proto=buffer.getvalue())
pieces = [sp.id_to_piece(i) for i in range(len(sp))]
kind = lambda i: 2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 1


def write(name, file, data, cases):
    folder = here / name
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(json.dumps(data, **COMPACT))
    (folder / "cases.json").write_text(json.dumps(cases, **COMPACT).replace('},{"text"', '},\n{"text"'))


write("spm", "pieces.json", {"tokens": pieces, "scores": [sp.get_score(i) for i in range(len(sp))], "types": [kind(i) for i in range(len(sp))]},
      [{"text": s, "ids": sp.encode(s)} for s in TEXTS])

vocab = {p: i for i, p in enumerate(pieces)}
# As in the conversion by transformers: every pair of pieces that forms a piece, best scores first.
merges = generate_merges(vocab, {p: sp.get_score(i) for p, i in vocab.items() if kind(i) == 1})
replace = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]


def convert(name, normalizer, pre, decoder):
    tok = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    tok.decoder = decoder
    plain = Tokenizer.from_str(tok.to_str())
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ["<unk>", "<s>", "</s>"]])
    cases = []
    for s in TEXTS:
        ids, with_added = plain.encode(s, add_special_tokens=False).ids, tok.encode(s, add_special_tokens=False).ids
        cases.append({"text": s, "ids": ids, "decoded": tok.decode(with_added, skip_special_tokens=True)} | ({"with_added": with_added} if with_added != ids else {}))
    write(name, "tokenizer.json", json.loads(tok.to_str()), cases)


convert("llama2", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, decoders.Sequence(replace))
convert("metaspace", None, pre_tokenizers.Metaspace("▁", "first", False), decoders.Sequence(replace))
convert("metasplit", None, pre_tokenizers.Metaspace("▁", "always", True), decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "always", True)]))
