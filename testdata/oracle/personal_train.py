"""Training for personal.py: the objectives of the presets, and adapters with the first values of the product."""

import functools
import math
from typing import NamedTuple

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict

import reference as ref
from gorand import PCG

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
DELTA, LAMBDA, EPSILON = 0.05, 0.9, 0.1


class Objective(NamedTuple):
    """A preset of core/causal/presets.go. The alignment term is divided by the samples if by is "samples", else by the tokens."""

    side: str = "with"
    alpha: float = 0.0
    weighted: bool = False  # the likelihood
    align_weighted: bool = False
    by: str = "tokens"  # what the likelihood is divided by: tokens, weights or samples
    expert: bool = False  # the weights are those of a trained ContextSFT, and not of the live model


PRESETS = {
    "sft": Objective(side="without"),
    "contextsft": Objective(),
    "mce": Objective(alpha=0.1),
    "mce-dce": Objective(alpha=0.1, align_weighted=True),
    "dce": Objective(weighted=True, by="weights"),
    "nextquill": Objective(alpha=0.1, weighted=True, align_weighted=True, by="samples", expert=True),
    "nextquill-code": Objective(alpha=0.1, weighted=True, by="weights"),
}


def states(model, prompt, response):
    """The final hidden states [T, hidden] that predict the response."""
    llama = model.get_base_model() if isinstance(model, PeftModel) else model
    ids = torch.tensor([prompt + response[:-1]])
    return llama.model(input_ids=ids, use_cache=False).last_hidden_state[0, len(prompt) - 1 :]


def logits(model, s, side):
    return model.get_output_embeddings()(states(model, s[side], s["response"]))


def adapter(base, rank, seed):
    """A new adapter with the first values of core/model/lora.go."""
    model = get_peft_model(base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LINEARS, task_type="CAUSAL_LM"))
    weights = [p for name, p in model.named_parameters() if ".lora_A." in name]
    drawn = uniform(sum(w.numel() for w in weights), seed).split([w.numel() for w in weights])
    for w, values in zip(weights, drawn):
        w.data.copy_((values / math.sqrt(w.shape[1])).reshape(w.shape))
    return model


@functools.cache
def uniform(n, seed):
    rng = PCG(seed, 0x10A)
    return torch.tensor([2 * rng.float64() - 1 for _ in range(n)], dtype=torch.float64)


def effect(predicted, y):
    """The data-side causal effect on each token: p(with history) - p(without)."""
    return ref.probability(predicted["with"][1], y) - ref.probability(predicted["without"][1], y)


def token_weights(effects):
    return torch.where(effects > DELTA, LAMBDA, EPSILON)


def batch_loss(model, batch, o, expert):
    """The objective of a batch. expert has the effects of each sample if o needs them."""
    likelihood, align = 0.0, 0.0
    tokens, weights = 0, 0.0
    for i, s in batch:
        z = logits(model, s, o.side)
        ce, omega = ref.cross_entropy(z, s["y"]), torch.ones(len(s["y"]))
        tokens += len(s["y"])
        if o.alpha or o.weighted:
            with torch.set_grad_enabled(o.alpha > 0):
                without = logits(model, s, "without")
            omega = token_weights(expert[i] if o.expert else (ref.probability(z, s["y"]) - ref.probability(without, s["y"])).detach())
            weights += omega.sum()
        if o.alpha:
            contrast = ref.cross_entropy(z - without, s["y"])
            align = align + ((omega * contrast) if o.align_weighted else contrast).sum()
        likelihood = likelihood + ((omega * ce) if o.weighted else ce).sum()
    divisor = {"tokens": tokens, "weights": weights, "samples": len(batch)}[o.by]
    return likelihood / divisor + o.alpha * align / (len(batch) if o.by == "samples" else tokens)


def train(base, samples, o, a, expert=None, start=None):
    """Trains a new adapter, or one that starts with the state start."""
    model = adapter(base, a.rank, a.seed)
    if start:
        set_peft_model_state_dict(model, start)
    params = list(ref.trainable(model).values())
    optimizer = torch.optim.AdamW(params, lr=0.0, weight_decay=0.0)
    size = a.batch_size or max(2, min(8, len(samples) // 20))  # api.DefaultBatchSize
    per_epoch = math.ceil(len(samples) / size)
    steps = a.epochs * per_epoch
    rate = {"lr": a.lr, "steps": steps, "warmup": math.ceil(0.1 * steps)}
    for step in range(steps):
        epoch, at = divmod(step, per_epoch)
        batch = PCG(a.seed, epoch).permutation(len(samples))[at * size : (at + 1) * size]
        optimizer.zero_grad()
        batch_loss(model, [(i, samples[i]) for i in batch], o, expert).backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.param_groups[0]["lr"] = ref.learning_rate(rate, step)
        optimizer.step()
    return model
