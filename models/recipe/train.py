"""Trains the base model on packed rows for a fixed time: the learning rate reaches zero at the end.

    python train.py --rows build --out build --seconds 4500

With --context it mixes in rows of context.py, --context-batch of them in each step. With --init it starts from the weights of a checkpoint or a model folder, with new optimizers and a
new schedule. Writes checkpoint.pt (the current weights) every few minutes and at the end. Uses a GPU if
one is available.
"""
import argparse
import os
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM

import format as fmt
from model import Llama, from_hf, gguf_file

ROW = 512
ATTENTION = "qkv", "out.", "norm1"


def batch(rows, index, device):
    block = torch.from_numpy(rows[index].astype(np.int64)).to(device)
    ids, targets = block[:, :-1], block[:, 1:].clone()
    # Document starts and padding are not predicted.
    targets[(targets == fmt.BOS_ID) | (targets == fmt.PAD_ID)] = -1
    return ids, targets


def context_batch(rows, index, device):
    """rows are those of context.py: [n, 2, length] of ids and of whether each is predicted."""
    block = torch.from_numpy(rows[index].astype(np.int64)).to(device)
    ids, targets = block[:, 0, :-1], block[:, 0, 1:].clone()
    targets[block[:, 1, 1:] == 0] = -1
    return ids, targets


def held_out_loss(model, rows, device, size):
    """Returns nats per token over rows, including end tokens."""
    total, count = 0.0, 0
    with torch.no_grad():
        for i in range(0, len(rows) - len(rows) % size, size):
            ids, targets = batch(rows, np.arange(i, i + size), device)
            with torch.autocast(device, dtype=torch.bfloat16):
                total += model(ids, targets).item()
            count += int((targets >= 0).sum())
    return total / count


def optimizers(model, kind, lr, adam_lr, decay):
    """Returns AdamW, or Muon (orthogonalized momentum) for the matrices of the blocks and AdamW for the
    rest."""
    fused = dict(betas=(0.9, 0.95), fused=True)
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    matrices = [p for n, p in trained if p.dim() == 2 and n.startswith("blocks")]
    rest = [p for n, p in trained if p.dim() == 1 or not n.startswith("blocks")]
    small = [{"params": rest, "weight_decay": 0.0}]
    if kind == "adamw":
        return [torch.optim.AdamW([{"params": matrices, "weight_decay": decay}] + small, lr=lr, **fused)]
    muon = torch.optim.Muon(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(small, lr=adam_lr, **fused)]


def initial(path):
    """Returns the state of a checkpoint, or of a model folder of the same shape."""
    if os.path.isdir(path):
        return from_hf(AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **gguf_file(path)).state_dict())
    return torch.load(path, map_location="cpu", weights_only=True)["model"]


def save(model, path, note):
    torch.save({"model": model.state_dict(), "note": note}, path + ".new")
    os.replace(path + ".new", path)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rows", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--seconds", type=float, required=True)
    a.add_argument("--init", help="checkpoint.pt or model folder to start from")
    a.add_argument("--context", help="context.npy")
    a.add_argument("--context-batch", type=int, default=6, help="rows of --context per step")
    a.add_argument("--attention", action="store_true", help="train only the attention and its norms")
    a.add_argument("--eager", action="store_true", help="without torch.compile, which takes minutes on a busy machine")
    a.add_argument("--optimizer", choices=["adamw", "muon"], default="muon")
    a.add_argument("--lr", type=float, default=4e-3)
    a.add_argument("--adam-lr", type=float, default=4e-3)
    a.add_argument("--decay", type=float, default=0.1)
    a.add_argument("--batch", type=int, default=8, help="rows per step")
    a.add_argument("--warmup", type=int, default=100, help="steps")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--seed", type=int, default=7)
    a.add_argument("--save-every", type=float, default=240, help="seconds")
    a = a.parse_args()

    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train, held = (np.load(os.path.join(a.rows, n + ".npy")) for n in ("train", "held"))
    some = held[np.random.default_rng(1).permutation(len(held))[:64]]
    model = Llama().to(device)
    if a.init:
        model.load_state_dict(initial(a.init))
    if a.attention:
        for name, p in model.named_parameters():
            p.requires_grad_(any(part in name for part in ATTENTION))
    step_loss = model if a.eager else torch.compile(model)
    context = np.load(a.context) if a.context else None
    opts = optimizers(model, a.optimizer, a.lr, a.adam_lr, a.decay)
    for o in opts:
        for g in o.param_groups:
            g["peak"] = g["lr"]

    order, at, epoch = np.random.default_rng(a.seed), 0, 0
    perm = order.permutation(len(train))
    ids, targets = batch(train, perm[: a.batch], device)
    with torch.autocast(device, dtype=torch.bfloat16):
        step_loss(ids, targets).backward()  # compiles before the clock starts
    model.zero_grad()

    start = saved = shown = time.time()
    step, seen, running, history_loss = 0, 0, None, None
    while (elapsed := time.time() - start) < a.seconds:
        if at + a.batch > len(train):
            perm, at, epoch = order.permutation(len(train)), 0, epoch + 1
        ids, targets = batch(train, perm[at : at + a.batch], device)
        at += a.batch
        count = plain = int((targets >= 0).sum())
        if context is not None:
            more = context_batch(context, (step * a.context_batch + np.arange(a.context_batch)) % len(context), device)
            count += int((more[1] >= 0).sum())
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = step_loss(ids, targets) / count
        loss.backward()
        if context is not None:
            with torch.autocast(device, dtype=torch.bfloat16):
                with_history = step_loss(*more) / count
            with_history.backward()
            value = with_history.item() * count / (count - plain)
            history_loss = value if history_loss is None else 0.98 * history_loss + 0.02 * value
            loss = loss * count / plain
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scale = min(1, (step + 1) / a.warmup) * (1 - elapsed / a.seconds)
        for o in opts:
            for g in o.param_groups:
                g["lr"] = g["peak"] * scale
            o.step()
        model.zero_grad()
        step, seen = step + 1, seen + count
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        now = time.time()
        if now - shown > 20:
            shown, left = now, a.seconds - (now - start)
            history_note = "" if history_loss is None else f" context {history_loss:.4f}"
            print(f"step {step:6} epoch {epoch} loss {running:.4f}{history_note} lr {a.lr * scale:.2e} {seen / (now - start):.0f} tokens/s left {left / 60:.1f} min", flush=True)
        if now - saved > a.save_every:
            saved = now
            value = held_out_loss(step_loss, some, device, a.batch)
            save(model, os.path.join(a.out, "checkpoint.pt"), f"step {step}, {seen} tokens")
            print(f"  held-out loss {value:.4f} nats a token on {len(some)} rows; checkpoint written", flush=True)
    save(model, os.path.join(a.out, "checkpoint.pt"), f"{step} steps, {seen} tokens")
    value = held_out_loss(step_loss, held, device, a.batch)
    note = f"{step} steps, {seen} tokens, {(time.time() - start) / 60:.1f} minutes, held-out loss {value:.4f} nats a token"
    save(model, os.path.join(a.out, "checkpoint.pt"), note)
    print("done:", note, flush=True)


if __name__ == "__main__":
    main()
