"""The objective in its simplest form: two forward passes of the real `transformers` model, in float64.

It does not pack, tile or share work between the branches, so it is an independent check.
"""

import contextlib
import math
import os

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.qwen2 import modeling_qwen2
from transformers.models.qwen3 import modeling_qwen3

from quantise import quantise_model

torch.set_num_threads(1)

# A token whose DCE is this close to delta could get the other weight in f32.
DCE_MARGIN = 1e-4


# --- the model ------------------------------------------------------------------------------------------------------

def _rms_norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def _frequencies(config):
    """Returns the rotary frequencies in float64, with Llama 3's scaling if the config requests it. Waves
    longer than original/low are slowed down by the factor, waves shorter than original/high are unchanged,
    and waves in between are interpolated."""
    rope = config.rope_parameters
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    freq = 1.0 / (rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim))
    if rope["rope_type"] == "default":
        return freq
    assert rope["rope_type"] == "llama3"
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    turns = rope["original_max_position_embeddings"] * freq / (2 * math.pi)
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return keep * freq + (1 - keep) * freq / rope["factor"]


def _rotary(self, x, position_ids):
    freqs = position_ids[..., None].double() * _frequencies(self.config)
    emb = torch.cat((freqs, freqs), dim=-1)
    return emb.cos(), emb.sin()


def _attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    key = modeling_llama.repeat_kv(key, module.num_key_value_groups)
    value = modeling_llama.repeat_kv(value, module.num_key_value_groups)
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    probs = torch.softmax(scores, dim=-1)
    return (probs @ value).transpose(1, 2).contiguous(), probs


@contextlib.contextmanager
def float64_models():
    """transformers computes RMSNorm, the rotary angles and the softmax in float32 for every weight type.
    Within this context they are computed in the type of their input, so that `.double()` means float64
    everywhere."""
    with contextlib.ExitStack() as stack:
        for module, family in ((modeling_llama, "Llama"), (modeling_qwen2, "Qwen2"), (modeling_qwen3, "Qwen3")):
            for owner, name, ours in (
                (getattr(module, family + "RMSNorm"), "forward", _rms_norm),
                (getattr(module, family + "RotaryEmbedding"), "forward", _rotary),
                (module, "eager_attention_forward", _attention),
            ):
                stack.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, ours)
        yield


def load_base(path, dtype=torch.float64, base=None):
    """path is a folder in HF layout, a folder with model.gguf, or a GGUF file."""
    gguf = "model.gguf" if os.path.exists(os.path.join(path, "model.gguf")) else None
    if path.endswith(".gguf"):
        path, gguf = os.path.split(path)
    model = AutoModelForCausalLM.from_pretrained(path, gguf_file=gguf, dtype=torch.float32, attn_implementation="eager")
    if base:
        quantise_model(model, base)
    return model.to(dtype).eval()


def load(path, adapter=None, trainable=False, dtype=torch.float64, base=None):
    """Loads the base model, with a PEFT adapter if one is given. Then only the adapter is trainable."""
    model = load_base(path, dtype, base)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter, is_trainable=trainable).to(dtype).eval()
    elif not trainable:
        model.requires_grad_(False)
    return model


def trainable(model):
    """Returns {tensor name as stored in a file: parameter}. PEFT adds the adapter's name to its module
    paths, but not to the names in files."""
    return {n.replace(".default.", "."): p for n, p in model.named_parameters() if p.requires_grad}


# --- the objective --------------------------------------------------------------------------------------------------

def response_logits(model, prompt, response):
    """Returns the logits [T, V] that predict y_1..y_T. The last prompt token predicts y_1; positions
    start at 0."""
    ids = torch.tensor([prompt + response])
    logits = model(input_ids=ids, use_cache=False).logits[0]
    return logits[len(prompt) - 1 : len(prompt) - 1 + len(response)]


def cross_entropy(logits, targets):
    return torch.logsumexp(logits, -1) - logits.gather(-1, targets[:, None])[:, 0]


def probability(logits, targets):
    return torch.softmax(logits, -1).gather(-1, targets[:, None])[:, 0]


def normalizer(how, weights, samples):
    if how == "weights":
        return weights.sum()
    return {"tokens": weights.numel(), "samples": samples}[how]


def objective(student, expert, batch, options):
    """Returns (loss, result). `expert` is the frozen model that estimates the DCE, or None if that is the
    student itself."""
    samples = batch["samples"]
    zh, z0, dce, targets, index = [], [], [], [], []
    for i, sample in enumerate(samples):
        y = sample["response"]
        targets.append(torch.tensor(y))
        zh.append(response_logits(student, sample["with"], y))
        z0.append(response_logits(student, sample["without"], y))
        with torch.no_grad():
            judge = (zh[-1], z0[-1])
            if expert is not None:
                judge = (response_logits(expert, sample["with"], y), response_logits(expert, sample["without"], y))
            dce.append(probability(judge[0], targets[-1]) - probability(judge[1], targets[-1]))
        index += [(i, t) for t in range(len(y))]
    zh, z0, dce, y = torch.cat(zh), torch.cat(z0), torch.cat(dce), torch.cat(targets)
    ce_0 = cross_entropy(z0, y)
    if not options["counterfactual_grad"]:
        z0 = z0.detach()

    omega = torch.full_like(dce, options["epsilon"])  # where() of two Python numbers would be float32
    omega[dce > options["delta"]] = options["lambda"]
    ones = torch.ones_like(omega)
    w_ntp = omega if options["ntp_weighted"] else ones
    w_align = omega if options["align_weighted"] else ones

    ce_h, ce_mce, erased = cross_entropy(zh, y), cross_entropy(zh - z0, y), options.get("erased", 0.0)
    ntp = (w_ntp * ((1 - erased) * ce_h + erased * ce_0)).sum() / normalizer(options["normalize_ntp"], w_ntp, len(samples))
    align = (w_align * ce_mce).sum() / normalizer(options["normalize_align"], w_align, len(samples))
    loss = ntp + options["alpha"] * align

    result = {
        "loss": loss.item(),
        "ntp_loss": ntp.item(),
        "align_loss": align.item(),
        "tokens": [
            {
                "sample": i, "t": t, "id": y[k].item(), "logp_with": -ce_h[k].item(), "logp_without": -ce_0[k].item(),
                "dce": dce[k].item(), "omega": omega[k].item(), "ce_mce": ce_mce[k].item(),
            }
            for k, (i, t) in enumerate(index)
        ],
    }
    return loss, result


def expert_path(options, case_dir):
    return None if options["expert"] == "self" else os.path.join(case_dir, options["expert"])


def dce_margin(result, delta):
    return min(abs(t["dce"] - delta) for t in result["tokens"])


def learning_rate(cfg, s):
    """Returns the learning rate of step s (from 0): linear warm-up to lr, then half a cosine to 0."""
    if s < cfg["warmup"]:
        return cfg["lr"] * (s + 1) / cfg["warmup"]
    return cfg["lr"] * 0.5 * (1 + math.cos(math.pi * (s - cfg["warmup"]) / (cfg["steps"] - cfg["warmup"])))


def greedy(model, rng, count):
    """Returns prompts, and the 64 tokens that transformers appends to each. Draws a new prompt if the best
    token leads by less than 1e-3."""
    rows = []
    while len(rows) < count:
        prompt = [rng.randrange(model.config.vocab_size) for _ in range(rng.randint(1, 12))]
        tokens, cache, feed = [], None, prompt
        with torch.no_grad():
            while len(tokens) < 64:
                out = model(input_ids=torch.tensor([feed]), past_key_values=cache, use_cache=True)
                best = out.logits[0, -1].topk(2)
                if best.values[0] - best.values[1] < 1e-3:
                    break
                cache, feed = out.past_key_values, [best.indices[0].item()]
                tokens += feed
        if len(tokens) == 64:
            rows.append({"prompt": prompt, "tokens": tokens})
    return rows
