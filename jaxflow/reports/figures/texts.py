"""Figures of texts: frequencies of tokens, the effect of augmentations, lengths of texts, accuracy by position."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.tokens import count_tokens, lengths, token_names
from jaxflow.data.texts.tokenizers import END
from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.distributions import augmentations
from jaxflow.reports.figures.plot import colour_of, count_ticks, legend, save, spread_evenly, thin
from jaxflow.reports.svg import SPLIT_COLOURS
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact

MAX_TOKENS = 40
# Rows of a table behind a figure.
MAX_ROWS = 40
# Letters that fit beside each other.
LETTERS = 160
# Of what an augmentation leaves and what it changes.
MARKED = ListedColormap([(1, 1, 1, 0), to_rgba(SPLIT_COLOURS["validation"], 0.5)])


def frequent_tokens(dataset: Dataset, samples: Mapping[str, Sample], path: Path) -> Drawing:
    """Draws the frequencies of the most frequent tokens in each split.

    Args:
      dataset: has the names of tokens.
      samples: by split.
      path: SVG file to write.
    """
    names = token_names(dataset)
    counts = {split: count_tokens(sample.inputs, len(names)) for split, sample in samples.items()}
    shown = np.argsort(-counts["train"], kind="stable")[: min(MAX_TOKENS, len(names))]
    figure = Figure(figsize=(max(5, 0.3 * len(shown) + 1), 3.6), layout="constrained")
    axes, width = figure.add_subplot(), 0.8 / len(counts)
    fractions = {}
    for number, (split, count) in enumerate(counts.items()):
        shares = count[shown] / max(count.sum(), 1)
        axes.bar(np.arange(len(shown)) + number * width, shares, width, label=split, color=colour_of(split))
        fractions[split] = shares
    labels = [_label(names[token]) for token in shown]
    turned = 90 if max(map(len, labels)) > 3 else 0
    axes.set_xticks(np.arange(len(shown)) + 0.4 - width / 2, labels, rotation=turned, fontsize=8)
    axes.set_ylabel("fraction of the split's tokens")
    thin(axes)
    legend(figure)
    save(figure, path)
    rows = [[label, *(exact(float(shares[i])) for shares in fractions.values())] for i, label in enumerate(labels)]
    told = ", ".join(f"{row[0]} {row[1]}" for row in rows[:5])
    alt = f"Bars of the {len(shown)} most frequent tokens by split; of training {told}"
    table = Table("Fraction of the split's tokens", ("token", *fractions), rows)
    return Drawing("The most frequent tokens of the training split", path, alt, table)


def before_and_after(dataset: Dataset, rows: Sequence[tuple[str, np.ndarray]], path: Path) -> Drawing:
    """Draws the first tokens of a few texts before and after each augmentation; what it changed is marked.

    Args:
      dataset: has the names of tokens.
      rows: a name and (examples, time) tokens each, the first those of the texts as they are.
      path: SVG file to write.
    """
    names, (_, before) = token_names(dataset), rows[0]
    longest = max(4, *(len(_label(names[token])) for token in np.unique(before)))
    across = max(LETTERS // longest, 8)  # tokens that can be read
    figure = Figure(figsize=(9.5, 0.3 * len(rows) * (len(before) + 1.5)), layout="constrained")
    for axes, (name, tokens) in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows):
        shown = tokens[:, :across]
        axes.imshow(shown != before[:, :across], cmap=MARKED, vmin=0, vmax=1, aspect="auto")
        for position in np.ndindex(shown.shape):
            label = "" if shown[position] == END else _label(names[shown[position]])
            axes.text(*position[::-1], label, ha="center", va="center", fontsize=7)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
    save(figure, path)
    return augmentations(rows, path)


def text_lengths(samples: Mapping[str, Sample], path: Path) -> Drawing:
    """Draws how many tokens the examples of each split have.

    Args:
      samples: by split.
      path: SVG file to write.
    """
    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    rows = []
    edges = np.linspace(0, samples["train"].inputs.shape[1], 33)
    for split, sample in samples.items():
        axes.hist(
            lengths(sample.inputs), bins=edges, density=True, histtype="step", label=split, color=colour_of(split)
        )
        quantiles = np.quantile(lengths(sample.inputs), (0.05, 0.5, 0.95))
        rows.append([split, *(f"{x:,.0f}" for x in quantiles)])
    axes.set_xlabel("tokens, truncated at the length of an example")
    count_ticks(axes.xaxis)
    axes.set_yticks([])
    thin(axes)
    legend(figure)
    save(figure, path)
    table = Table("Tokens of an example", ("split", "5%", "median", "95%"), rows)
    alt = f"Histograms of the lengths of texts: {', '.join(f'{split} median {middle}' for split, _, middle, _ in rows)}"
    return Drawing("Tokens of an example", path, alt, table)


def _label(name: str) -> str:
    """Writes a token so that it can be seen."""
    return repr(name)[1:-1].replace(" ", "␣")


def accuracy_by_position(correct: np.ndarray, known: np.ndarray, path: Path) -> Drawing:
    """Draws at which positions of a window the most likely token is the right one: what can be looked back at helps.

    Args:
      correct: (time,) known targets that are predicted, by position.
      known: (time,) targets that are known, by position.
      path: SVG file to write.
    """
    at = np.flatnonzero(known)
    shares = correct[at] / known[at]
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(at + 1, shares, color=colour_of("test"))
    axes.set_xlabel("tokens that the model has seen")
    count_ticks(axes.xaxis)
    axes.set_ylabel("accuracy of the next one")
    thin(axes)
    save(figure, path)
    rows = [[str(at[i] + 1), exact(shares[i]), f"{known[at[i]]:,}"] for i in spread_evenly(len(at), MAX_ROWS)]
    table = Table("Accuracy by position", ("tokens seen", "accuracy", "tokens"), rows)
    ends = f"from {shares[0]:.2f} after one token to {shares[-1]:.2f} after {at[-1] + 1}"
    alt = f"Accuracy of the next token by position: {ends}"
    return Drawing("Right next tokens by their position in the window", path, alt, table)
