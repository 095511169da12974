"""Chooses the figures of a dataset by the kind of its inputs and its target."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import feature_names
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.tokens import is_language_modelling, lengths
from jaxflow.data.series.split import SeriesSplit
from jaxflow.exploration.augmentations import Augmented
from jaxflow.reports.figures import audio, distributions, masks, series, texts

Figures = list[tuple[str, Path]]


def data_figures(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    """Draws a dataset.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.
      rows: from `augmented`; () where nothing is augmented.
      folder: where the PNG files go.

    Returns:
      Captions and files, in the order of the page.
    """
    drawn: Figures = []
    if not is_language_modelling(dataset):  # whose targets are tokens, which are drawn below
        drawn.append(("What is to be predicted", folder / "data_targets.png"))
        distributions.targets(dataset, drawn[-1][1])
    return drawn + BY_KIND[dataset.schema.inputs.kind](dataset, samples, rows, folder)


def _images(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn = [("Examples of the training split", folder / "data_examples.png")]
    train, target = samples["train"], dataset.schema.target
    if target.dense_shape:
        apart = np.linspace(0, len(train.inputs) - 1, masks.MAX_EXAMPLES).astype(int)  # neighbours are often alike
        masks.examples(train.inputs[apart], (train.targets[apart],), ("mask",), target.names, drawn[-1][1])
    else:
        distributions.contact_sheet(dataset, train, drawn[-1][1])
    if rows:
        drawn.append(("Augmentations, each by itself", folder / "data_augment.png"))
        low, high = rows[0].inputs.min(), rows[0].inputs.max()
        pictures = []
        for row in rows:
            shown = np.clip((row.inputs - low) / max(high - low, 1e-6), 0, 1)
            volumes = shown.ndim == 5
            shown = masks.middle(shown, volumes)
            if target.dense_shape:
                shown = masks.shaded(shown, masks.middle(row.targets, volumes))
            pictures.append((row.name, shown))
        distributions.before_and_after(pictures, drawn[-1][1])
    drawn.append(("Distributions", folder / "data_distributions.png"))
    channels = [f"channel {index}" for index in range(dataset.schema.inputs.shape[-1])]
    distributions.distributions(channels, samples, drawn[-1][1])
    return drawn


def _audio(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn = [("Examples of the training split", folder / "data_examples.png")]
    audio.examples(dataset, samples["train"], drawn[-1][1])
    if rows:
        drawn.append(("Augmentations, each by itself", folder / "data_augment.png"))
        audio.before_and_after([(row.name, row.raw, row.inputs) for row in rows], drawn[-1][1])
    drawn.append(("Length and loudness", folder / "data_loudness.png"))
    audio.loudness(dataset, samples, drawn[-1][1])
    return drawn


def _texts(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn = [("The most frequent tokens of the training split", folder / "data_tokens.png")]
    texts.frequent_tokens(dataset, samples, drawn[-1][1])
    if rows:
        drawn.append(("Augmentations, each by itself", folder / "data_augment.png"))
        texts.before_and_after(dataset, [(row.name, row.inputs) for row in rows], drawn[-1][1])
    if len(np.unique(lengths(samples["train"].inputs))) > 2:  # windows are whole, but for the last
        drawn.append(("Tokens of an example", folder / "data_lengths.png"))
        texts.text_lengths(samples, drawn[-1][1])
    return drawn


def _series(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn: Figures = []
    train = dataset.splits["train"]
    if isinstance(train, SeriesSplit):
        names = [name.rpartition("+")[0] for name in dataset.schema.target.names[:: train.horizon]]
        drawn += [("Over time", folder / "data_series.png"), ("Seasons", folder / "data_seasons.png")]
        series.over_time(dataset.splits, names, drawn[0][1])
        series.seasonality(train, names[0], drawn[1][1])
    drawn.append(("Windows of the training split, and what comes next", folder / "data_examples.png"))
    series.windows(dataset, samples["train"], drawn[-1][1])
    return drawn + _features(dataset, samples, rows, folder)


def _vectors(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn = _features(dataset, samples, rows, folder)
    if samples["train"].inputs.ndim == 2:
        drawn.append(("Correlations between features", folder / "data_correlations.png"))
        distributions.correlation(dataset, samples["train"], drawn[-1][1])
    return drawn


def _features(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> Figures:
    drawn: Figures = []
    if rows:
        drawn.append(("Augmentations, each by itself", folder / "data_augment.png"))
        series.before_and_after([(row.name, row.inputs) for row in rows], drawn[-1][1])
    drawn.append(("Distributions", folder / "data_distributions.png"))
    distributions.distributions(feature_names(dataset), samples, drawn[-1][1])
    return drawn


# By the kind of the inputs.
BY_KIND = {
    "image": _images,
    "volume": _images,
    "audio": _audio,
    "tokens": _texts,
    "series": _series,
    "vector": _vectors,
}
