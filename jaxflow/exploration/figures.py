"""Chooses the figures of a dataset by the kind of its inputs and its target."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import feature_groups
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.profiling.tokens import is_language_modelling, lengths
from jaxflow.data.series.split import SeriesSplit
from jaxflow.exploration.augmentations import Augmented
from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures import audio, distributions, masks, series, texts


def data_figures(
    dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path
) -> list[Drawing]:
    """Draws a dataset.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.
      rows: from `augmented`; () where nothing is augmented.
      folder: where the SVG files go.

    Returns:
      The figures, in the order of the page.
    """
    drawn = []
    if not is_language_modelling(dataset):  # whose targets are tokens, which are drawn below
        drawn.append(distributions.targets(dataset, folder / "data_targets.svg"))
    return drawn + BY_KIND[dataset.schema.inputs.kind](dataset, samples, rows, folder)


def _images(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> list[Drawing]:
    train, target, file = samples["train"], dataset.schema.target, folder / "data_examples.svg"
    if target.dense_shape:
        apart = np.linspace(0, len(train.inputs) - 1, masks.MAX_EXAMPLES).astype(int)  # neighbours are often alike
        masks.examples(train.inputs[apart], (train.targets[apart],), ("mask",), target.names, file)
        drawn = [
            Drawing("Examples of the training split", file, f"{len(apart)} training inputs, and under their masks")
        ]
    else:
        drawn = [distributions.contact_sheet(dataset, train, file)]
    if rows:
        low, high = rows[0].inputs.min(), rows[0].inputs.max()
        pictures = []
        for row in rows:
            shown = np.clip((row.inputs - low) / max(high - low, 1e-6), 0, 1)
            volumes = shown.ndim == 5
            shown = masks.middle(shown, volumes)
            if target.dense_shape:
                shown = masks.shaded(shown, masks.middle(row.targets, volumes))
            pictures.append((row.name, shown))
        drawn.append(distributions.before_and_after(pictures, folder / "data_augment.svg"))
    channels = {f"channel {index}": {"": index} for index in range(dataset.schema.inputs.shape[-1])}
    return [*drawn, distributions.distributions(channels, samples, folder / "data_distributions.svg")]


def _audio(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> list[Drawing]:
    drawn = [audio.examples(dataset, samples["train"], folder / "data_examples.svg")]
    if rows:
        changed = [(row.name, row.raw, row.inputs) for row in rows]
        drawn.append(audio.before_and_after(changed, folder / "data_augment.svg"))
    return [*drawn, audio.loudness(dataset, samples, folder / "data_loudness.svg")]


def _texts(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> list[Drawing]:
    drawn = [texts.frequent_tokens(dataset, samples, folder / "data_tokens.svg")]
    if rows:
        changed = [(row.name, row.inputs) for row in rows]
        drawn.append(texts.before_and_after(dataset, changed, folder / "data_augment.svg"))
    if len(np.unique(lengths(samples["train"].inputs))) > 2:  # windows are whole, but for the last
        drawn.append(texts.text_lengths(samples, folder / "data_lengths.svg"))
    return drawn


def _series(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> list[Drawing]:
    drawn = []
    train = dataset.splits["train"]
    if isinstance(train, SeriesSplit):
        names = [name.rpartition("+")[0] for name in dataset.schema.target.names[:: train.horizon]]
        drawn.append(series.over_time(dataset.splits, names, folder / "data_series.svg"))
        drawn.append(series.seasonality(train, names[0], folder / "data_seasons.svg"))
    drawn.append(series.windows(dataset, samples["train"], folder / "data_examples.svg"))
    return drawn + _features(dataset, samples, rows, folder)


def _vectors(dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path) -> list[Drawing]:
    drawn = _features(dataset, samples, rows, folder)
    if samples["train"].inputs.ndim == 2:
        drawn.append(distributions.correlation(dataset, samples["train"], folder / "data_correlations.svg"))
    return drawn


def _features(
    dataset: Dataset, samples: Mapping[str, Sample], rows: Sequence[Augmented], folder: Path
) -> list[Drawing]:
    drawn = []
    if rows:
        drawn.append(series.before_and_after([(r.name, r.inputs) for r in rows], folder / "data_augment.svg"))
    groups = feature_groups(dataset)
    return [*drawn, distributions.distributions(groups, samples, folder / "data_distributions.svg")]


# By the kind of the inputs.
BY_KIND = {
    "image": _images,
    "volume": _images,
    "audio": _audio,
    "tokens": _texts,
    "series": _series,
    "vector": _vectors,
}
