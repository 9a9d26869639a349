"""Writes every golden file of this folder:

    python make.py [models] [cases] [trajectory] [kernels] [formats]        # default: all
"""

import json
import os
import random
import shutil
import sys
import warnings

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.utils import logging

import operations
import quantise
import reference as ref
from jsonfiles import read_json, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name: (hidden, intermediate, heads, kv heads, head_dim, vocabulary, layers, tied, rope theta, norm eps, dtype, rope style)
# Both names of the rotary base are in use: "rope_theta" (until transformers 4) and "rope_parameters" (5).
# A model's seed is its position in the list: add new models at the end.
MODELS = {
    "gqa": (32, 44, 4, 2, 8, 97, 2, False, 50000.0, 1e-5, "float32", "rope_parameters"),
    "odd": (36, 28, 3, 1, 16, 53, 2, False, 1000000.0, 1e-6, "float32", "rope_theta"),
    "tied": (24, 36, 3, 3, 8, 61, 2, True, 10000.0, 1e-5, "float32", "rope_theta"),
    "half": (32, 40, 4, 1, 8, 101, 1, False, 100000.0, 1e-5, "float16", "rope_theta"),
    "brain": (16, 24, 4, 2, 4, 64, 3, True, 20000.0, 1e-6, "bfloat16", "rope_parameters"),
    "qwen2": (24, 32, 3, 1, 8, 59, 2, True, 1000000.0, 1e-6, "float32", "rope_theta"),
    "qwen3": (20, 28, 4, 2, 12, 61, 2, False, 1000000.0, 1e-6, "float32", "rope_parameters"),
    "scaled": (16, 24, 2, 1, 8, 53, 2, False, 10000.0, 1e-5, "float32", "rope_theta"),
}
# Models that are not a plain Llama: (config class, additional fields). The lengths of the four rotary waves
# of "scaled" are 6, 63, 628 and 6283 positions: one is below 128/4 and unchanged, one is interpolated, and
# two are above 128/1 and stretched.
FAMILIES = {
    "qwen2": (Qwen2Config, {}),
    "qwen3": (Qwen3Config, {}),
    "scaled": (LlamaConfig, {"attention_bias": True}),
}
SCALING = {
    "scaled": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    },
}

OPTIONS = {
    "delta": 0.05, "lambda": 0.9, "epsilon": 0.1, "alpha": 0.1, "ntp_weighted": False, "align_weighted": False,
    "normalize_ntp": "tokens", "normalize_align": "tokens", "expert": "self", "counterfactual_grad": True,
}
PRESETS = {
    "sft": {"alpha": 0.0},
    "contextsft": {"alpha": 0.0},
    "erased": {"alpha": 0.0, "erased": 0.5},
    "mce": {"alpha": 0.3},
    "mce-dce": {"delta": 0.02, "alpha": 0.3, "align_weighted": True, "normalize_align": "weights"},
    "dce": {"alpha": 0.0, "ntp_weighted": True, "normalize_ntp": "weights", "delta": 0.01},
    "nextquill": {
        "delta": 0.02, "lambda": 1.0, "epsilon": 0.2, "alpha": 0.2, "ntp_weighted": True, "align_weighted": True,
        "normalize_ntp": "samples", "normalize_align": "samples", "expert": "expert",
    },
    "nextquill-code": {"ntp_weighted": True, "normalize_ntp": "weights", "normalize_align": "tokens"},
}

# Token counts of a sample: shared prefix, history, replacement of the history, shared suffix, response.
# The prompt with history is prefix+history+suffix; the prompt without is prefix+replacement+suffix.
BATCHES = {
    "plain": [(7, 12, 2, 5, 11), (3, 9, 1, 4, 16), (12, 4, 3, 2, 5)],
    "noprefix": [(0, 8, 2, 6, 9), (0, 17, 1, 1, 13)],
    "mixed": [(1, 10, 1, 3, 1), (5, 21, 2, 7, 12), (0, 3, 4, 2, 8), (9, 6, 6, 0, 10)],
    # Without replacement and suffix, the prompt without history is a prefix of the other prompt.
    # (1,0,0,0) is the same single token in both branches; (0,1,1,0) is a different token in each.
    "edges": [(1, 0, 0, 0, 6), (0, 1, 1, 0, 7), (4, 5, 0, 0, 9), (6, 0, 3, 0, 4), (0, 1, 2, 0, 1), (2, 3, 2, 1, 40)],
    "one": [(1, 0, 0, 0, 1)],
    "single": [(6, 14, 2, 9, 20)],
}

# name: (preset, model, batch, adapter (None: all parameters), changed options)
CASES = {
    "sft-lora": ("sft", "gqa", "plain", "all", {}),
    "sft-full": ("sft", "tied", "mixed", None, {}),
    "contextsft-lora": ("contextsft", "odd", "plain", "all", {}),
    "contextsft-full": ("contextsft", "half", "mixed", None, {"normalize_ntp": "samples"}),
    "mce-lora": ("mce", "tied", "mixed", "all", {}),
    "mce-full": ("mce", "brain", "plain", None, {}),
    "mce-dce-lora": ("mce-dce", "half", "noprefix", "all", {}),
    "mce-dce-full": ("mce-dce", "odd", "mixed", None, {"delta": 0.0}),
    "dce-lora": ("dce", "gqa", "single", "qv", {}),
    "dce-full": ("dce", "tied", "noprefix", None, {}),
    "nextquill-lora": ("nextquill", "gqa", "mixed", "all", {}),
    "nextquill-full": ("nextquill", "tied", "plain", None, {}),
    "nextquill-code-lora": ("nextquill-code", "odd", "mixed", "all", {}),
    "nextquill-code-full": ("nextquill-code", "gqa", "plain", None, {}),
    "nextquill-code-brain-lora": ("nextquill-code", "brain", "noprefix", "all", {}),
    "detached-lora": ("nextquill-code", "tied", "single", "all", {"counterfactual_grad": False, "alpha": 0.5}),
    "detached-full": ("nextquill-code", "odd", "noprefix", None, {"counterfactual_grad": False, "alpha": 0.5}),
    "edges-lora": ("nextquill-code", "gqa", "edges", "all", {"alpha": 0.5}),
    "edges-full": ("nextquill-code", "odd", "edges", None, {"alpha": 0.5}),
    "one-token-lora": ("mce", "tied", "one", "all", {}),
    "nextquill-code-qwen2-lora": ("nextquill-code", "qwen2", "mixed", "all", {}),
    "nextquill-code-qwen2-full": ("nextquill-code", "qwen2", "plain", None, {}),
    "nextquill-code-qwen3-lora": ("nextquill-code", "qwen3", "mixed", "all", {}),
    "nextquill-code-qwen3-full": ("nextquill-code", "qwen3", "plain", None, {}),
    "nextquill-code-scaled-lora": ("nextquill-code", "scaled", "mixed", "all", {}),
    "nextquill-code-scaled-full": ("nextquill-code", "scaled", "plain", None, {}),
    "q8-lora": ("nextquill", "gqa", "mixed", "all", {}),
    "q4-lora": ("nextquill-code", "gqa", "plain", "all", {}),
    "f16-tied-lora": ("nextquill-code", "tied", "mixed", "all", {}),
    "q8-qwen2-lora": ("nextquill-code", "qwen2", "mixed", "all", {}),
    "q4-qwen2-lora": ("nextquill-code", "qwen2", "plain", "all", {}),
    "q8-qwen3-lora": ("nextquill-code", "qwen3", "plain", "all", {}),
    "q4-qwen3-lora": ("nextquill-code", "qwen3", "mixed", "all", {}),
    "q4-odd-lora": ("mce-dce", "odd", "noprefix", "all", {"delta": 0.0}),
    "erased-lora": ("erased", "gqa", "mixed", "all", {}),
    "erased-full": ("erased", "tied", "edges", None, {}),
    "erased-dce-lora": ("dce", "odd", "mixed", "all", {"erased": 0.25, "delta": 0.02}),
    "erased-mce-full": ("nextquill-code", "odd", "plain", None, {"erased": 0.4, "alpha": 0.5}),
}

# Cases whose frozen matrices are quantized. The reference computes with the values that the format represents.
BASES = {name: name.split("-")[0] for name in CASES if name.split("-")[0] in ("f16", "q8", "q4")}

# name: (preset, model, adapter, fresh (B = 0, as PEFT starts), changed options, optimizer)
TRAJECTORIES = {
    "nextquill-code-lora": ("nextquill-code", "gqa", "all", True, {}, {"lr": 2e-2, "weight_decay": 0.0}),
    "nextquill-lora": ("nextquill", "tied", "all", False, {}, {"lr": 1e-2, "weight_decay": 0.05}),
    "contextsft-full": ("contextsft", "odd", None, False, {}, {"lr": 3e-3, "weight_decay": 0.1, "clip": 6.0}),
}


def path(*parts):
    return os.path.join(HERE, *parts)


def fresh_dir(*parts):
    p = path(*parts)
    shutil.rmtree(p, ignore_errors=True)
    os.makedirs(p)
    return p


def save_tensors(file, tensors):
    save_file({k: v.detach().to(torch.float32).contiguous() for k, v in tensors.items()}, file)


# --- models ---------------------------------------------------------------------------------------------------------

def make_model(name):
    hidden, inter, heads, kv, head_dim, vocab, layers, tied, theta, eps, dtype, style = MODELS[name]
    torch.manual_seed(list(MODELS).index(name) + 1)
    family, more = FAMILIES.get(name, (LlamaConfig, {}))
    if family is not Qwen2Config:  # Qwen2's is always hidden_size / num_attention_heads
        more = {**more, "head_dim": head_dim}
    model = AutoModelForCausalLM.from_config(family(
        hidden_size=hidden, intermediate_size=inter, num_attention_heads=heads, num_key_value_heads=kv,
        vocab_size=vocab, num_hidden_layers=layers, tie_word_embeddings=tied, rms_norm_eps=eps,
        rope_parameters={**SCALING.get(name, {"rope_type": "default"}), "rope_theta": theta}, max_position_embeddings=256,
        **more,
    ))
    for n, p in model.named_parameters():
        if n.endswith(".bias"):
            p.data.normal_(0.0, 0.3)
        elif p.dim() == 1:
            p.data.normal_(1.0, 0.15)  # norm weights of exactly 1 would hide a missing factor
        elif "embed_tokens" in n or "lm_head" in n:
            p.data.normal_(0.0, 2.0 / hidden**0.5)  # logits with a standard deviation of about 2
        else:
            p.data.normal_(0.0, 1.2 / p.shape[1] ** 0.5)
    out = fresh_dir("models", name)
    model.to(getattr(torch, dtype)).save_pretrained(out)
    file = os.path.join(out, "config.json")
    cfg = read_json(file)
    cfg.pop("transformers_version")
    if style == "rope_theta":
        rope = cfg.pop("rope_parameters")
        cfg["rope_theta"] = rope.pop("rope_theta")
        if name in SCALING:
            cfg["rope_scaling"] = rope
        cfg["torch_dtype"] = cfg.pop("dtype")
    with open(file, "w") as f:
        json.dump(cfg, f, indent=2, sort_keys=True)
        f.write("\n")
    os.remove(os.path.join(out, "generation_config.json"))


def make_logits():
    """Writes the logits of one sequence per model, by unmodified transformers in float32."""
    out = fresh_dir("logits")
    ids = {}
    for i, name in enumerate(MODELS):
        model = ref.load(path("models", name), dtype=torch.float32)
        rng = random.Random(100 + i)
        ids[name] = [rng.randrange(model.config.vocab_size) for _ in range(30)]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids[name]])).logits[0]
            with ref.float64_models():
                exact = ref.load(path("models", name))(input_ids=torch.tensor([ids[name]])).logits[0]
        drift = (logits.double() - exact).abs().max().item()
        assert drift < 1e-4, f"{name}: float64 reference is {drift} away from transformers"
        print(f"logits {name:6} std {logits.std():.2f}  float32 - float64: {drift:.1e}")
        save_tensors(os.path.join(out, name + ".safetensors"), {"logits": logits})
    write_json(os.path.join(out, "ids.json"), ids)


def make_greedy():
    """Returns ten prompts for one model of each family, and the 64 tokens that transformers appends, in
    float32. The best token always leads by more than 1e-3, so that rounding cannot select another one."""
    rows = {}
    for name in ("gqa", "qwen2", "qwen3", "scaled"):
        model = ref.load(path("models", name), dtype=torch.float32)
        rng = random.Random(list(MODELS).index(name) + 200)
        rows[name] = ref.greedy(model, rng, 10)
    write_json(path("logits", "greedy.json"), rows)


def make_adapter(model_name, out, kind, seed, zero_b=False):
    """Writes an adapter with PEFT. B is random unless zero_b: with B = 0, A gets no gradient."""
    torch.manual_seed(seed)
    shape = {"all": {"r": 4, "lora_alpha": 8, "target_modules": LINEARS},
             "qv": {"r": 3, "lora_alpha": 5, "target_modules": ["q_proj", "v_proj"]}}[kind]
    base = ref.load_base(path("models", model_name), torch.float32)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **shape))
    for n, p in model.named_parameters():
        if "lora_B" in n and not zero_b:
            p.data.normal_(0.0, 0.15)
    model.save_pretrained(out)
    os.remove(os.path.join(out, "README.md"))
    file = os.path.join(out, "adapter_config.json")
    cfg = read_json(file)
    cfg["base_model_name_or_path"] = model_name
    cfg.pop("peft_version", None)
    cfg["target_modules"] = sorted(cfg["target_modules"])  # PEFT keeps a set, whose order is undefined
    with open(file, "w") as f:
        json.dump(cfg, f, indent=2, sort_keys=True)
        f.write("\n")


# --- batches --------------------------------------------------------------------------------------------------------

def draw_batch(model, shapes, rng, without_history=False):
    """Returns random prompts and responses. A response is sampled from the model with history (one token in
    five is uniform), so that the history has an effect and DCE takes both signs."""
    vocab = model.config.vocab_size
    some = lambda n: [rng.randrange(vocab) for _ in range(n)]
    samples = []
    for prefix, history, none, suffix, length in shapes:
        head, tail = some(prefix), some(suffix)
        shown, erased = head + some(history) + tail, head + some(none) + tail
        if without_history:
            shown = erased
        y = []
        for _ in range(length):
            with torch.no_grad():
                p = torch.softmax(model(input_ids=torch.tensor([shown + y])).logits[0, -1] / 0.8, -1)
            y.append(rng.choices(range(vocab), p.tolist())[0] if rng.random() < 0.8 else rng.randrange(vocab))
        samples.append({"with": shown, "without": erased, "response": y})
    return {"samples": samples}


def acceptable(results, options, both=True):
    """Checks that no DCE is near the threshold and, if the weights matter, that tokens lie on both sides."""
    if min(ref.dce_margin(r, options["delta"]) for r in results) < 5 * ref.DCE_MARGIN:
        return False
    omegas = [t["omega"] for r in results for t in r["tokens"]]
    share = omegas.count(options["lambda"]) / len(omegas)
    return not both or not (options["ntp_weighted"] or options["align_weighted"]) or 0.1 < share < 0.9


def case_options(preset, changed):
    return {**OPTIONS, **PRESETS[preset], **changed}


def make_case(name, seed):
    preset, model_name, shapes, adapter, changed = CASES[name]
    options = case_options(preset, changed)
    out = fresh_dir("cases", name)
    model_dir = path("models", model_name)
    if adapter:
        make_adapter(model_name, os.path.join(out, "adapter"), adapter, seed)
    if options["expert"] != "self":
        make_adapter(model_name, os.path.join(out, options["expert"]), "all", seed + 500)

    base = BASES.get(name)
    student = ref.load(model_dir, os.path.join(out, "adapter") if adapter else None, trainable=True, base=base)
    expert = ref.load(model_dir, ref.expert_path(options, out), base=base) if options["expert"] != "self" else None
    for attempt in range(300):
        rng = random.Random(seed * 1000 + attempt)
        batch = draw_batch(student, BATCHES[shapes], rng, without_history=preset == "sft")
        with torch.no_grad():
            result = ref.objective(student, expert, batch, options)[1]
        if acceptable([result], options):
            break
    else:
        raise RuntimeError(f"{name}: no batch found")

    loss, result = ref.objective(student, expert, batch, options)
    assert ref.dce_margin(result, options["delta"]) > ref.DCE_MARGIN
    loss.backward()
    grads = {n: p.grad for n, p in ref.trainable(student).items()}
    norm = torch.sqrt(sum(g.pow(2).sum() for g in grads.values())).item()

    write_json(os.path.join(out, "case.json"), {
        "preset": preset, "model": f"../../models/{model_name}", "full": not adapter, **({"base": base} if base else {}),
    })
    write_json(os.path.join(out, "batch.json"), batch)
    write_json(os.path.join(out, "options.json"), options)
    write_json(os.path.join(out, "result.json"), result)
    save_tensors(os.path.join(out, "grads.safetensors"), grads)
    above = sum(t["dce"] > options["delta"] for t in result["tokens"])
    print(f"case {name:26} {model_name:6} loss {result['loss']:8.4f}  |g| {norm:7.3f}  above {above}/{len(result['tokens'])}")


# --- trajectories ---------------------------------------------------------------------------------------------------

def train(student, expert, batches, options, cfg):
    """Trains on the batches in turn. The loss and gradient norm of a row are those before its update."""
    params = list(ref.trainable(student).values())
    optimizer = torch.optim.AdamW(params, lr=0.0, betas=cfg["betas"], eps=cfg["eps"], weight_decay=cfg["weight_decay"])
    rows, results = [], []
    for s in range(cfg["steps"]):
        optimizer.zero_grad()
        loss, result = ref.objective(student, expert, batches[s % len(batches)], options)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(params, cfg["clip"]).item()
        lr = ref.learning_rate(cfg, s)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        results.append(result)
        rows.append({"step": s, "lr": lr, "grad_norm": norm, **{k: result[k] for k in ("loss", "ntp_loss", "align_loss")}})
    return rows, results


def make_trajectory(name, seed):
    preset, model_name, adapter, zero_b, changed, optimizer = TRAJECTORIES[name]
    options = case_options(preset, changed)
    cfg = {
        "model": f"../../models/{model_name}", "full": not adapter, "steps": 10, "warmup": 2, "clip": 1.0,
        "betas": [0.9, 0.999], "eps": 1e-8, **optimizer,
    }
    out = fresh_dir("trajectory", name)
    model_dir = path("models", model_name)
    adapter_dir = os.path.join(out, "adapter") if adapter else None
    if adapter:
        make_adapter(model_name, adapter_dir, adapter, seed, zero_b)
    if options["expert"] != "self":
        make_adapter(model_name, os.path.join(out, options["expert"]), "all", seed + 500)
    expert = ref.load(model_dir, ref.expert_path(options, out)) if options["expert"] != "self" else None
    author = expert or ref.load(model_dir)
    for attempt in range(300):
        rng = random.Random(seed * 1000 + attempt)
        batches = [draw_batch(author, [(4, 9, 2, 3, 6), (2, 6, 1, 4, 5)], rng) for _ in range(3)]
        student = ref.load(model_dir, adapter_dir, trainable=True)
        rows, results = train(student, expert, batches, options, cfg)
        if acceptable(results, options):
            break
    else:
        raise RuntimeError(f"{name}: no batches found")
    write_json(os.path.join(out, "train.json"), cfg)
    write_json(os.path.join(out, "options.json"), options)
    write_json(os.path.join(out, "batches.json"), {"batches": batches})
    write_json(os.path.join(out, "losses.json"), {"steps": rows})
    save_tensors(os.path.join(out, "final.safetensors"), ref.trainable(student))
    print(f"trajectory {name}: losses " + " ".join(f"{r['loss']:.3f}" for r in rows))
    print(f"{'':12}gradient norms " + " ".join(f"{r['grad_norm']:.2f}" for r in rows))


def main(parts):
    warnings.filterwarnings("ignore")
    logging.disable_progress_bar()
    if "models" in parts:
        for name in MODELS:
            make_model(name)
        make_logits()
        make_greedy()
    with ref.float64_models():
        if "cases" in parts:
            for i, name in enumerate(CASES):
                make_case(name, 10 + i)
        if "trajectory" in parts:
            for i, name in enumerate(TRAJECTORIES):
                make_trajectory(name, 50 + i)
    if "kernels" in parts:
        operations.make(path("kernels.json"))
    if "formats" in parts:
        quantise.make(path("formats.json"))


if __name__ == "__main__":
    main(sys.argv[1:] or ["models", "cases", "trajectory", "kernels", "formats"])
