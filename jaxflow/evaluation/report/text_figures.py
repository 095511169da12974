"""Figures of texts: which tokens there are, how long texts are, and where in a window the next token is known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.describe import Sample
from jaxflow.data.describe_tokens import count_tokens, lengths, token_names
from jaxflow.evaluation.report.figures import save

MOST_TOKENS = 40


def frequent_tokens(dataset: Dataset, samples: Mapping[str, Sample], path: Path) -> None:
    """Draws the share of the most frequent tokens in each split.

    Args:
      dataset: says what tokens are called.
      samples: by split.
      path: PNG file to write.
    """
    names = token_names(dataset)
    counts = {split: count_tokens(sample.inputs, len(names)) for split, sample in samples.items()}
    shown = np.argsort(-counts["train"], kind="stable")[: min(MOST_TOKENS, len(names))]
    figure = Figure(figsize=(max(5, 0.3 * len(shown) + 1), 3.6), layout="constrained")
    axes, width = figure.add_subplot(), 0.8 / len(counts)
    for number, (split, count) in enumerate(counts.items()):
        shares = count[shown] / max(count.sum(), 1)
        axes.bar(np.arange(len(shown)) + number * width, shares, width, label=split)
    labels = [repr(names[token])[1:-1].replace("$", r"\$").replace(" ", "␣") for token in shown]
    turned = 90 if max(map(len, labels)) > 3 else 0
    axes.set_xticks(np.arange(len(shown)) + 0.4 - width / 2, labels, rotation=turned, fontsize=8)
    axes.set_ylabel("share of the split's tokens")
    axes.legend(fontsize=8)
    save(figure, path)


def text_lengths(samples: Mapping[str, Sample], path: Path) -> None:
    """Draws how many tokens the examples of each split have.

    Args:
      samples: by split.
      path: PNG file to write.
    """
    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(0, samples["train"].inputs.shape[1], 33)
    for split, sample in samples.items():
        axes.hist(lengths(sample.inputs), bins=edges, density=True, histtype="step", label=split)
    axes.set_xlabel("tokens, cut at the length of an example")
    axes.set_yticks([])
    axes.legend(fontsize=8)
    save(figure, path)


def accuracy_by_place(targets: np.ndarray, predictions: np.ndarray, path: Path) -> None:
    """Draws at which places of a window the most likely token is the right one: what there is to look back at helps.

    Args:
      targets: (examples, time) tokens, below 0 where there is none.
      predictions: (examples, time) tokens.
      path: PNG file to write.
    """
    known = targets >= 0
    right = ((predictions == targets) & known).sum(0) / np.maximum(known.sum(0), 1)
    there = np.flatnonzero(known.any(0))
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(there + 1, right[there])
    axes.set_xlabel("tokens that the model has seen")
    axes.set_ylabel("accuracy of the next one")
    axes.grid(alpha=0.3)
    save(figure, path)
