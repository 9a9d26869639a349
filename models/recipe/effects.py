"""Measures what history in the prompt is worth to a model, and how well DCE finds the tokens that are
known to be the writer's.

    python effects.py --model ../default --writers build/writers --sample ../../samples/bierce

For each test text the log-probability of every token is computed after five prompts: the latest texts
of the writer (history), no history (erased), the latest texts of another writer (other), the request
alone after <|bos|> (request), and <|bos|> alone (empty). The effect is p(history) - p(prompt), under the
same model, and a positive effect is read as "this token is the writer's". Intervals (95 %) are from a
bootstrap over writers, for the sample writer over texts.
"""
import argparse
import json
import os

import numpy as np
import torch
from tokenizers import Tokenizer

import format as fmt
from model import Llama

PROMPTS = ["history", "erased", "other", "request", "empty"]
LATEST, DELTA, ROUNDS = 3, 0.05, 500
WORDS = {"favourite", "spelling"}  # one text shows only the words that it uses
HIDDEN = " (not shown)"  # marks tokens of a habit that the latest texts do not show


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def prompt(tok, kind, item, own, other):
    ids = lambda text: tok.encode(text, add_special_tokens=False).ids
    if kind == "empty":
        return [fmt.BOS_ID]
    suffix = ids(fmt.suffix(item["context"]))
    if kind == "request":
        return [fmt.BOS_ID] + suffix
    earlier = {"history": own, "erased": [], "other": other}[kind]
    return [fmt.BOS_ID] + ids(fmt.PREFIX) + ids(fmt.history(earlier)) + suffix


@torch.no_grad()
def log_probabilities(model, rows):
    """rows are (prompt, response); returns one array per row, one value per token of the response."""
    out = [None] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: sum(map(len, rows[i])))
    for at in range(0, len(order), 16):
        group = order[at : at + 16]
        longest = max(sum(map(len, rows[i])) for i in group)
        ids = torch.full((len(group), longest), fmt.PAD_ID)
        for r, i in enumerate(group):
            ids[r, : sum(map(len, rows[i]))] = torch.tensor(rows[i][0] + rows[i][1])
        hidden = model.hidden(ids)
        for r, i in enumerate(group):
            start, response = len(rows[i][0]) - 1, torch.tensor(rows[i][1])
            logits = hidden[r, start : start + len(response)] @ model.embed.weight.T
            out[i] = logits.log_softmax(-1).gather(1, response[:, None])[:, 0].numpy()
    return out


def auc(score, mine):
    """The probability that a token of the writer scores above another token; ties count half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n, m = mine.sum(), (~mine).sum()
    return (rank[mine].sum() - n * (n + 1) / 2) / (n * m)


def interval(groups, value):
    """groups are lists of arrays (one tuple per writer); returns (value of all, low, high)."""
    rng, join = np.random.default_rng(0), lambda g: [np.concatenate(x) for x in zip(*g)]
    drawn = [value(*join([groups[i] for i in rng.integers(len(groups), size=len(groups))])) for _ in range(ROUNDS)]
    return value(*join(groups)), *np.percentile(drawn, [2.5, 97.5])


def shown(v, digits=3):
    return "%.*f [%.*f, %.*f]" % (digits, v[0], digits, v[1], digits, v[2])


def writers(tok, folder, texts):
    """Yields (group, rows by prompt, which tokens are the writer's) of each writer."""
    truth = {t["id"]: t for t in read(os.path.join(folder, "spans.jsonl"))}
    about = read(os.path.join(folder, "writers.jsonl"))
    pages = {w["writer"]: read(os.path.join(folder, w["writer"] + ".jsonl")) for w in about}
    for n, w in enumerate(about):
        own = pages[w["writer"]]
        # Another writer of the same group and, where there is one, the same source.
        rest = [x for x in about[n + 1 :] + about[:n] if x["group"] == w["group"]]
        other = pages[next((x for x in rest if x["source"] == w["source"]), rest[0])["writer"]]
        out = []
        for i in range(len(own) - texts, len(own)):
            item, t = own[i], truth[own[i]["id"]]
            e = tok.encode(fmt.response(item["text"]), add_special_tokens=False)
            if len(e.ids) > 120:
                continue
            shown = history_habits(own[max(0, i - LATEST) : i], truth)
            owned = [""] * (len(item["text"]) + 1)  # [0] is the space before the text
            for start, end, habit in t["spans"]:
                hidden = (habit, item["text"][start:end].lower() if habit in WORDS else None) not in shown
                owned[start + 1 : end + 1] = [habit + HIDDEN * hidden] * (end - start)
            mine = [next(filter(None, owned[a:b]), "") for a, b in e.offsets]
            mine += [t["end"] + HIDDEN * ((t["end"], None) not in shown) if t["end"] else ""]
            response = e.ids + [fmt.EOS_ID]
            out.append((fit(tok, item, own[:i], other[:i], response), response, np.array(mine, dtype="U32")))
        yield w, out


def history_habits(items, truth):
    """Returns the habits that the texts show; for habits of single words, with the word."""
    out = set()
    for item in items:
        t = truth[item["id"]]
        out |= {(habit, item["text"][a:b].lower() if habit in WORDS else None) for a, b, habit in t["spans"]}
        out |= {(t["end"], None)}
    return out


def fit(tok, item, own, other, response):
    """The prompts of an item; the oldest text is dropped while a prompt is too long."""
    out = {}
    for kind in PROMPTS:
        a, b = own[-LATEST:], other[-LATEST:]
        while len(ids := prompt(tok, kind, item, a, b)) + len(response) > 512:
            a, b = a[1:], b[1:]
        out[kind] = ids
    return out


def measure(model, items):
    """items are (prompts, response, …); returns per item {prompt: log-probabilities}."""
    flat = log_probabilities(model, [(i[0][k], i[1]) for i in items for k in PROMPTS])
    return [dict(zip(PROMPTS, flat[n : n + len(PROMPTS)])) for n in range(0, len(flat), len(PROMPTS))]


def report(name, groups, kinds=False):
    """groups: per writer (habit of each token, {prompt: log-probabilities})."""
    mean = lambda *x: x[0].mean() if len(x[0]) else 0.0
    habit = np.concatenate([h for h, _ in groups])
    print(f"{name}: {len(groups)} writers, {len(habit)} tokens, {100 * (habit != '').mean():.1f} % changed by habits")
    for k in PROMPTS[1:]:
        gain = lambda pick: shown(interval([(l["history"][pick(h)] - l[k][pick(h)],) for h, l in groups], mean))
        line = f"  history against {k:8} gain {gain(lambda h: h == h)}"
        if (habit != "").any():
            line += f"; changed tokens {gain(lambda h: h != '')}; others {gain(lambda h: h == '')}"
        print(line)
    print("  loss:", ", ".join(f"{k} {-np.concatenate([l[k] for _, l in groups]).mean():.3f}" for k in PROMPTS))
    if (habit == "").all():
        return
    seen = lambda h: np.char.find(h, HIDDEN) < 0
    precision = lambda e, m: m[e > DELTA].mean() if (e > DELTA).any() else 0.0
    recall = lambda e, m: (e[m] > DELTA).mean()
    dce = {k: [(np.exp(l["history"]) - np.exp(l[k]), h != "") for h, l in groups] for k in PROMPTS[1:]}
    print("  which tokens are the writer's, by DCE against …: AUC, precision and recall at", DELTA)
    print("           then AUC of the log-ratio, AUC for habits that the prompt shows, AUC minus that against erased")
    for k in PROMPTS[1:]:
        ratio = [(l["history"] - l[k], h != "") for h, l in groups]
        visible = [(e[seen(h)], m[seen(h)]) for (e, m), (h, _) in zip(dce[k], groups)]
        both = [(e, f, m) for (e, m), (f, _) in zip(dce[k], dce["erased"])]
        cells = [(dce[k], auc), (dce[k], precision), (dce[k], recall), (ratio, auc), (visible, auc)]
        cells.append((both, lambda e, f, m: auc(e, m) - auc(f, m)))
        print(f"  {k:8}", "  ".join(shown(interval(*c)) for c in cells))
    if kinds:
        gain = np.concatenate([l["history"] - l["erased"] for _, l in groups])
        e = np.concatenate([e for e, _ in dce["erased"]])
        for kind in sorted(set(habit) - {""}):
            mine, used = habit == kind, (habit == kind) | (habit == "")
            values = f"gain {gain[mine].mean():.3f}, AUC {auc(e[used], mine[used]):.3f}, recall {recall(e, mine):.3f}"
            print(f"  {kind:24} {mine.sum():5} tokens, {values}")


def sample(tok, folder):
    past, future = (read(os.path.join(folder, n + ".jsonl")) for n in ("history", "heldout"))
    all_items, out = past + future, []
    for i in range(len(past), len(all_items)):
        ids = tok.encode(fmt.response(all_items[i]["text"]), add_special_tokens=False).ids + [fmt.EOS_ID]
        out.append((all_items, i, ids))
    return out


def load(path):
    from train import initial

    model = Llama()
    model.load_state_dict(initial(path))
    return model.eval()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--model", required=True, help="model folder or checkpoint.pt")
    a.add_argument("--tokenizer", default="../default/tokenizer.json")
    a.add_argument("--writers")
    a.add_argument("--sample")
    a.add_argument("--held", help="held.npy: the plain held-out loss")
    a.add_argument("--texts", type=int, default=8, help="test texts of each writer, the latest")
    a.add_argument("--threads", type=int, default=2)
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    tok, model = Tokenizer.from_file(a.tokenizer), load(a.model)
    known = list(writers(tok, a.writers, a.texts)) if a.writers else []
    if a.sample:
        texts = sample(tok, a.sample)
        # Another writer's history: Bierce's requests with texts of the first synthetic writers.
        strangers = [read(os.path.join(a.writers, w["writer"] + ".jsonl")) for w, _ in known] or [texts[0][0]]
        items = []
        for n, (t, i, ids) in enumerate(texts):
            items.append((fit(tok, t[i], t[:i], strangers[n % len(strangers)], ids), ids))
        made = zip(items, measure(model, items))
        report("sample writer (by text)", [(np.full(len(i[1]), ""), l) for i, l in made])
    groups = {}
    for w, items in known:
        made = measure(model, items)
        joined = {k: np.concatenate([l[k] for l in made]) for k in PROMPTS}
        groups.setdefault(w["group"], []).append((np.concatenate([i[2] for i in items]), joined))
    for name, g in groups.items():
        report("writers, group " + name, g)
    if len(groups) > 1:
        report("all writers with habits", [x for g in groups.values() for x in g], kinds=True)
    if a.held:
        from train import held_out_loss

        print("plain held-out loss %.4f" % held_out_loss(model, np.load(a.held), "cpu", 8))


if __name__ == "__main__":
    main()
