"""Rules for a class at each pixel or token: the class that a pixel mostly has, and which token follows which."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from jaxflow.data.spread import evenly_spaced
from jaxflow.evaluation.metrics.dense import count_masks, count_tokens, mask_scores, token_scores
from jaxflow.evaluation.metrics.scores import each_example, values_of
from jaxflow.schema import Split

# Training masks, and training tokens, that frequencies are counted in: more change little, and are waited for.
MAX_MASKS, MAX_TOKENS = 1000, 5_000_000
# Counts of classes at pixels, at most: more would not fit into memory beside the data.
MAX_COUNTS = 1 << 27
# Masks or windows that are scored at once.
_AT_ONCE = 64


def mask_rules(train: np.ndarray, test: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Scores the mask that has at each pixel the class that is the most frequent there in the training split.

    Args:
      train: (examples, *space) classes, below 0 where they are unknown.
      test: (examples, *space) likewise.
      names: of the classes.

    Returns:
      Scores of "prior of each pixel"; {} where the counts would not fit into memory.
    """
    pixels, classes = int(np.prod(train.shape[1:])), len(names)
    if pixels * classes > MAX_COUNTS:
        return {}
    counts, every = np.zeros((pixels, classes), np.int32), np.arange(pixels)
    for index in evenly_spaced(len(train), MAX_MASKS):
        mask = np.asarray(train[index]).reshape(-1)
        known = mask >= 0
        counts[every[known], mask[known]] += 1
    answer = np.where(counts.any(1), counts.argmax(1), counts.sum(0).argmax()).reshape(train.shape[1:])
    counted = [
        count_masks(part, np.broadcast_to(answer, part.shape), classes)
        for part in (test[start : start + _AT_ONCE] for start in range(0, len(test), _AT_ONCE))
    ]
    units = each_example(len(test))
    return {"prior of each pixel": values_of(mask_scores(np.concatenate(counted), names, units), units)}


@dataclass(frozen=True)
class Bigrams:
    """How often tokens follow each other, and how often they occur.

    Attributes:
      follows: (tokens, tokens) counts of a token (column) after another one (row), sparse.
      unigram: (tokens,) probabilities of tokens, whatever came before.
    """

    follows: sparse.csr_array
    unigram: np.ndarray

    def log_likelihoods(self, before: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Returns the natural logarithm of the probability of tokens after others.

        A context that was seen n times with t different followers has n observations and t of the unigram's: what was
        not seen after it has a probability too.

        Source: I. Witten and T. Bell, The Zero-Frequency Problem: Estimating the Probabilities of Novel Events in
        Adaptive Text Compression, IEEE Transactions on Information Theory 37, 1991 (method C).

        Args:
          before: (pairs,) the tokens before.
          tokens: (pairs,) the tokens.
        """
        seen, kinds = self.follows.sum(1)[before], np.diff(self.follows.indptr)[before]
        counted = np.asarray(self.follows[before, tokens]).reshape(-1)
        of_context = (counted + kinds * self.unigram[tokens]) / np.maximum(seen + kinds, 1)
        return np.log(np.where(seen > 0, of_context, self.unigram[tokens]))

    def answers(self) -> np.ndarray:
        """Returns the likeliest token after each, (tokens,)."""
        usual, answers = int(self.unigram.argmax()), np.zeros(len(self.unigram), np.int64)
        for token, (first, last) in enumerate(zip(self.follows.indptr[:-1], self.follows.indptr[1:])):
            followers = self.follows.indices[first:last]
            weights = self.follows.data[first:last] + (last - first) * self.unigram[followers]
            # Of followers that were not seen the most frequent token is the likeliest.
            best = weights.argmax() if len(followers) else 0
            unseen = (last - first) * self.unigram[usual]
            answers[token] = followers[best] if len(followers) and weights[best] >= unseen else usual
        return answers


def text_rules(train: Split, test: Split, tokens: int) -> dict[str, dict[str, float]]:
    """Scores frequencies of tokens and of pairs of them on windows of texts.

    Args:
      train: windows, whose targets are the tokens after the inputs; of many an evenly spaced part is counted.
      test: windows likewise.
      tokens: how many different ones there are.

    Returns:
      "unigram" and "bigram": perplexity, bits and accuracy of each, and "loss" in nats per token. Each token counts
      once more than it occurs, so that none is impossible.
    """
    followers = sparse.csr_array((tokens, tokens))
    length = train.rows(np.arange(1))["targets"].shape[1]
    for before, after in _pairs(train, max(1, MAX_TOKENS // length)):
        known = after >= 0
        ones = np.ones(int(known.sum()))
        followers = followers + sparse.coo_array((ones, (before[known], after[known])), (tokens, tokens)).tocsr()
    counts = followers.sum(0) + 1
    bigrams = Bigrams(sparse.csr_array(followers), counts / counts.sum())
    usual, likeliest = int(bigrams.unigram.argmax()), bigrams.answers()
    sums: dict[str, list[np.ndarray]] = {"unigram": [], "bigram": []}
    for before, after in _pairs(test, len(test)):
        known = np.maximum(after, 0)
        likelihood = bigrams.log_likelihoods(before.ravel(), known.ravel()).reshape(after.shape)
        sums["unigram"].append(count_tokens(after, np.full_like(after, usual), np.log(bigrams.unigram)[known]))
        sums["bigram"].append(count_tokens(after, likeliest[before], likelihood))
    units = each_example(len(test))
    found = {name: values_of(token_scores(np.concatenate(parts), units), units) for name, parts in sums.items()}
    return {name: scores | {"loss": float(np.log(scores["perplexity"]))} for name, scores in found.items()}


def _pairs(split: Split, at_most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields inputs and targets of evenly spaced windows, (some windows, time) int64 each."""
    chosen = evenly_spaced(len(split), at_most)
    for start in range(0, len(chosen), _AT_ONCE * 16):
        rows = split.rows(chosen[start : start + _AT_ONCE * 16])
        yield np.asarray(rows["inputs"], np.int64), np.asarray(rows["targets"], np.int64)
