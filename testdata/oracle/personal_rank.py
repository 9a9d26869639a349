"""Retrieval for personal.py: which earlier texts of a writer a prompt shows."""

import math
import re
import unicodedata
from collections import Counter

import torch

K1, B = 1.2, 0.75  # of core/history/bm25.go


def words(text):
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower())


def best(scores, k):
    """The indices of the k highest scores, in the order of time. Of equal scores, the later one is preferred."""
    return sorted(sorted(range(len(scores)), key=lambda i: (-scores[i], -i))[:k])


def latest(items, i, k):
    return list(range(max(0, i - k), i))


def bm25(items, i, k):
    """The k earlier texts with the highest BM25 score for the words of the text's context."""
    documents = [Counter(words(values + "\n" + text)) for _, values, text in items[:i]]
    lengths = [sum(d.values()) for d in documents]
    average = max(1, sum(lengths) / max(1, i))
    scores = [0.0] * i
    for word in words(items[i][1]):
        n = sum(word in d for d in documents)
        idf = math.log(1 + (i - n + 0.5) / (n + 0.5))
        for j, (d, length) in enumerate(zip(documents, lengths)):
            scores[j] += idf * d[word] * (K1 + 1) / (d[word] + K1 * (1 - B + B * length / average))
    return best(scores, k)


class Dense:
    """Ranks by the dot product of mean hidden states, as Contriever does, with the model itself as the encoder."""

    def __init__(self, model, tok):
        self.model, self.tok, self.vectors = model, tok, {}

    @torch.no_grad()
    def vector(self, text):
        if text not in self.vectors:
            ids = torch.tensor([[self.tok.bos_token_id] + self.tok.encode(text, add_special_tokens=False)])
            self.vectors[text] = self.model.model(input_ids=ids, use_cache=False).last_hidden_state[0, 1:].mean(0)
        return self.vectors[text]

    def __call__(self, items, i, k):
        query = self.vector(items[i][1])
        return best([(query @ self.vector(f"{values}\n{text}")).item() for _, values, text in items[:i]], k)
