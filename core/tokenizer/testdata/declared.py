"""Ids by transformers' AutoTokenizer for folders whose tokenizer_config.json and other files declare tokens that
tokenizer.json lacks, and for unusual but valid tokenizer.json files. The base is gpt2/tokenizer.json.

    python declared.py        # from this folder; needs transformers 5.24

`files` are the files beside tokenizer.json, `patch` replaces fields of it (of "model" by name). `ids` are those of
the text, `with_specials` those with the tokens that the tokenizer puts before and after a text.
"""
import copy
import json
import pathlib
import tempfile

from transformers import AutoTokenizer

here = pathlib.Path(__file__).parent
base = json.loads((here / "gpt2/tokenizer.json").read_text())
size = max(max(base["model"]["vocab"].values()), max(a["id"] for a in base["added_tokens"])) + 1


def token(content, **properties):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": True} | properties


def template(id, content):
    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
    bos = {"SpecialToken": {"id": content, "type_id": 0}}
    return {"type": "TemplateProcessing", "single": [bos, a], "pair": [bos, a, bos, b],
            "special_tokens": {content: {"id": content, "ids": [id], "tokens": [content]}}}


end = base["added_tokens"][0]["content"]
byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
config = {"tokenizer_class": "PreTrainedTokenizerFast"}
cases = {
    "decoder": ({"added_tokens_decoder": {str(size): token("<|turn|>")}}, {}, {}),
    "two, in any order": ({"added_tokens_decoder": {str(size + 1): token("<|b|>"), str(size): token("<|turn|>")}},
                          {}, {}),
    "not special": ({"added_tokens_decoder": {str(size): token("<|turn|>", special=False, normalized=True)}}, {}, {}),
    "strips": ({"added_tokens_decoder": {str(size): token("<|turn|>", lstrip=True, rstrip=True)}}, {}, {}),
    "additional": ({"additional_special_tokens": ["<|b|>", "<|turn|>"]}, {}, {}),
    "named": ({"pad_token": "<|b|>", "additional_special_tokens": ["<|turn|>"]}, {}, {}),
    "named, as an object": ({"eos_token": token("<|turn|>", __type="AddedToken")}, {}, {}),
    "extra": ({"extra_special_tokens": {"image_token": "<|turn|>"}}, {}, {}),
    "known": ({"added_tokens_decoder": {"0": token(end)}, "eos_token": end}, {}, {}),
    "added_tokens.json": ({}, {"added_tokens.json": {"<|turn|>": size}}, {}),
    "special_tokens_map.json": ({}, {"special_tokens_map.json": {"additional_special_tokens": ["<|turn|>"]}}, {}),
    "post-processor": ({"bos_token": end}, {}, {"post_processor": template(0, end)}),
    "post-processor, in a sequence": ({"bos_token": end}, {}, {"post_processor": {
        "type": "Sequence", "processors": [byte_level, template(0, end)]}}),
    "byte-level post-processor": ({"bos_token": end}, {}, {"post_processor": byte_level}),
    "no post-processor": ({"bos_token": end}, {}, {"post_processor": None}),
    "gap between ids": ({}, {}, {"vocab": {"zqzq": size + 7}}),
    "version line": ({}, {}, {"merges": ["#version: 0.2"] + [" ".join(m) if isinstance(m, list) else m
                                                             for m in base["model"]["merges"]]}),
    "byte_fallback": ({}, {}, {"model": {"byte_fallback": True}}),
    "unknown unk_token": ({}, {}, {"model": {"unk_token": "<unk>"}}),
}
texts = ["a<|turn|> b <|turn|><|b|>", "naïve  日本 🙂", "the zqzq, " + end + " and"]

out = []
for name, (fields, files, patch) in cases.items():
    changed = copy.deepcopy(base)
    changed["model"] |= patch.get("model", {})
    changed["model"]["vocab"] |= patch.get("vocab", {})
    if "merges" in patch:
        changed["model"]["merges"] = patch["merges"]
    if "post_processor" in patch:
        changed["post_processor"] = patch["post_processor"]
    files = {"tokenizer_config.json": config | fields} | files
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tokenizer.json").write_text(json.dumps(changed))
        (folder / "config.json").write_text('{"model_type": "llama"}')
        for file, content in files.items():
            (folder / file).write_text(json.dumps(content))
        tok = AutoTokenizer.from_pretrained(folder)
        ids = [{"text": text, "ids": tok(text, add_special_tokens=False).input_ids,
                "with_specials": tok(text).input_ids} for text in texts]
    patch = {k: v for k, v in patch.items() if k != "merges"} | ({"version_line": True} if "merges" in patch else {})
    out.append({"name": name, "files": files, "patch": patch, "cases": ids})
(here / "declared.json").write_text("[\n" + ",\n".join(json.dumps(o, ensure_ascii=False) for o in out) + "\n]\n")
